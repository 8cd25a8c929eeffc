// A server with many variables in folders of a hundred, for benches of browsing. Prints one JSON line with its url; ends with its stdin.
//
// One JSON argument: {"variables": 20000}.
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { nodesets } from "node-opcua-nodesets";
import { MessageSecurityMode, SecurityPolicy } from "node-opcua-secure-channel";
import { OPCUAServer } from "node-opcua-server";
import { DataType } from "node-opcua-variant";

const { variables } = JSON.parse(process.argv[2]);
const PER_FOLDER = 100;

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function fill(space) {
  const own = space.getOwnNamespace();
  let folder;
  for (let number = 0; number < variables; number++) {
    if (number % PER_FOLDER === 0) folder = own.addFolder(space.rootFolder.objects, { browseName: `Machine${number / PER_FOLDER}` });
    own.addVariable({ organizedBy: folder, browseName: `Tag${number}`, dataType: "Double", value: { dataType: DataType.Double, value: number } });
  }
}

async function main() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "omptool-many-"));
  const pki = (name) => new OPCUACertificateManager({ rootFolder: path.join(home, name), automaticallyAcceptUnknownCertificate: true });
  const port = await freePort();
  const server = new OPCUAServer({
    port, host: "127.0.0.1", hostname: "127.0.0.1", nodeset_filename: [nodesets.standard],
    securityModes: [MessageSecurityMode.None], securityPolicies: [SecurityPolicy.None],
    serverCertificateManager: pki("own"), userCertificateManager: pki("users"), maxConnectionsPerEndpoint: 20,
  });
  await server.initialize();
  fill(server.engine.addressSpace);
  await server.start();
  process.stdout.write(`${JSON.stringify({ url: `opc.tcp://127.0.0.1:${port}` })}\n`);
  const stop = async () => {
    await server.shutdown(0);
    fs.rmSync(home, { recursive: true, force: true });
    process.exit(0);
  };
  process.stdin.on("end", stop).resume();
}

main();
