// How a server of these tests begins and ends: on a free port, and with its stdin.
import fs from "node:fs";
import net from "node:net";

export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

// `stop` ends what changes values; `home` is the server's folder, and goes with it.
export function endWithStdin(server, home, stop) {
  const end = async () => {
    stop();
    await server.shutdown(0);
    fs.rmSync(home, { recursive: true, force: true });
    process.exit(0);
  };
  process.stdin.on("end", end).resume();
  process.on("SIGTERM", end);
}

export function run(main) {
  main().catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
}
