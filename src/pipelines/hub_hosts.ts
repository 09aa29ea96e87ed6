/** The Hugging Face Hub and the servers that it refers to for large files; a star stands for what comes before a point. */
const HOSTS = ["huggingface.co", "*.huggingface.co", "hf.co", "*.hf.co"];

/** The hosts that a download from the Hub contacts, as Deno's permissions name them; with the mirror that `HF_ENDPOINT` names. */
export function hubHosts(): string[] {
  const mirror = URL.parse(Deno.env.get("HF_ENDPOINT") ?? "");
  return mirror ? [...HOSTS, mirror.host, ...isDomain(mirror.hostname) ? [`*.${mirror.host}`] : []] : HOSTS;
}

const isDomain = (name: string) => /^[^[\]]*\.[a-z][a-z-]*$/i.test(name);
