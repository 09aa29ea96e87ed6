import { UserError } from "../errors.ts";
import { type Attribute, AttributeKind } from "./attributes.ts";
import { backend, onTensorflow } from "./backend.ts";
import { DataType, type TensorValues } from "./tensors.ts";

/** A picture of 8 bits, [height, width, 3]. */
export interface EventPicture {
  height: number;
  width: number;
  data: Uint8Array;
}

/** Writes a TensorBoard event file. */
export interface EventWriter extends Disposable {
  scalar(tag: string, value: number, step: number): void;
  picture(tag: string, picture: EventPicture, step: number): void;
  /** @param markdown what TensorBoard shows as such */
  text(tag: string, markdown: string, step: number): void;
  /** Sees to it that all is in the file. */
  flush(): void;
}

/** A tensor for one op: its type, shape and values. */
type Input = [dtype: number, shape: number[], values: TensorValues];

/** Records that may wait until they are written, and for how many milliseconds. */
const QUEUE = 1000, WAIT = 10_000;

/** @throws UserError where event files cannot be written: on another engine than TensorFlow */
export function checkEventWriter(): void {
  if (onTensorflow()) return;
  throw new UserError(
    "log: tensorboard: TensorFlow writes these files, and another engine computes; leave it out, or choose --backend tensorflow",
  );
}

/**
 * A new event file in a folder, which is made; written by TensorFlow's own summary ops.
 *
 * ```ts
 * import { startEngine } from "../engine/engine.ts";
 * import { eventWriter } from "./event_writer.ts";
 * if ((await startEngine()).backend === "tensorflow") {
 *   const folder = await Deno.makeTempDir();
 *   using events = await eventWriter(folder);
 *   events.scalar("loss", 0.5, 1); // tensorboard --logdir FOLDER
 * }
 * ```
 *
 * @throws UserError on another engine than TensorFlow, and when it cannot be written
 */
export async function eventWriter(folder: string): Promise<EventWriter> {
  checkEventWriter();
  const { binding } = backend(), metadata = await textMetadata();
  const run = (op: string, attributes: Attribute[], writer: number[], inputs: Input[]) => {
    const ids = inputs.map(([dtype, shape, values]) => binding.createTensor(shape, dtype, values));
    try {
      return binding.executeOp(op, attributes, [...writer, ...ids], 1);
    } catch (error) {
      throw new UserError(`cannot write events to ${folder}: ${(error as Error).message}`, { cause: error });
    } finally {
      ids.forEach((id) => binding.deleteTensor(id));
    }
  };
  const unique = [
    { name: "shared_name", type: AttributeKind.string, value: crypto.randomUUID() },
    { name: "container", type: AttributeKind.string, value: "" },
  ];
  const writer = [run("SummaryWriter", unique, [], [])[0]!.id], free = () => binding.deleteTensor(writer[0]!);
  const write = (op: string, type: number, step: number, inputs: Input[], more: Attribute[] = []) =>
    void run(op, [{ name: "T", type: AttributeKind.type, value: type }, ...more], writer, [
      int64(step),
      ...inputs,
    ]);
  try {
    run("CreateSummaryFileWriter", [], writer, [text(folder), int32(QUEUE), int32(WAIT), text(".v2")]);
  } catch (error) {
    free();
    throw error;
  }
  return {
    scalar(tag, value, step) {
      write("WriteScalarSummary", DataType.float, step, [text(tag), [
        DataType.float,
        [],
        Float32Array.of(value),
      ]]);
    },
    picture(tag, { height, width, data }, step) {
      const pixels: Input = [DataType.uint8, [1, height, width, 3], data];
      const missing: Input = [DataType.uint8, [4], Uint8Array.of(255, 0, 0, 255)];
      const count = { name: "max_images", type: AttributeKind.int, value: 1 };
      write("WriteImageSummary", DataType.uint8, step, [text(tag), pixels, missing], [count]);
    },
    text(tag, markdown, step) {
      const content: Input = [DataType.string, [1], [markdown]];
      write("WriteSummary", DataType.string, step, [content, text(tag), [DataType.string, [], [metadata]]]);
    },
    flush: () => void run("FlushSummaryWriter", [], writer, []),
    [Symbol.dispose]() {
      try {
        run("CloseSummaryWriter", [], writer, []);
      } finally {
        free();
      }
    },
  };
}

const text = (value: string): Input => [DataType.string, [], [value]];
const int32 = (value: number): Input => [DataType.int32, [], Int32Array.of(value)];
const int64 = (
  value: number,
): Input => [DataType.int64, [], new Int32Array(BigInt64Array.of(BigInt(value)).buffer)];

interface Messages {
  SummaryMetadata: {
    new (): { setPluginData(data: object): { serializeBinary(): Uint8Array } };
    PluginData: new () => { setPluginName(name: string): object };
  };
}

/** What tells TensorBoard that a tensor is text, by the messages that tfjs-node has. */
async function textMetadata(): Promise<Uint8Array> {
  const { default: { SummaryMetadata } } = await import(
    "@tensorflow/tfjs-node-gpu/dist/proto/api_pb.js"
  ) as { default: Messages };
  return new SummaryMetadata().setPluginData(new SummaryMetadata.PluginData().setPluginName("text"))
    .serializeBinary();
}
