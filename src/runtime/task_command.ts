/** The command line of one of this project's tasks, started as this process was: through npx where that is how Deno runs. */
export function taskCommand(task: string): string {
  const npx = Deno.env.get("npm_command") === "exec";
  return `${npx ? `npx -y deno@${Deno.version.deno}` : "deno"} task ${task}`;
}
