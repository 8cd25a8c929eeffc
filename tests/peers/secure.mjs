// An OPC UA server on a stack that is not ours, with security: all policies, users by password and by certificate.
// Prints one JSON line with its url; ends with its stdin.
//
// Options as one JSON argument:
//   certificate, key   files of the server's own certificate
//   policies, modes    by name; default all that the stack has
//   clients, users     files of certificates that are trusted; others are rejected
//   passwords          user to password; anonymous is let in where neither these nor `users` are given, or by `anonymous`
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { nodesets } from "node-opcua-nodesets";
import { MessageSecurityMode, SecurityPolicy } from "node-opcua-secure-channel";
import { OPCUAServer } from "node-opcua-server";
import { DataType } from "node-opcua-variant";
import { endWithStdin, freePort, run } from "./lifetime.mjs";

const options = JSON.parse(process.argv[2] ?? "{}");
const PERIOD_MS = 50;

async function manager(folder, trusted) {
  const made = new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: false });
  await made.initialize();
  for (const file of trusted ?? []) await made.trustCertificate(fs.readFileSync(file));
  return made;
}

function addCounter(space) {
  const own = space.getOwnNamespace();
  const folder = own.addFolder(space.rootFolder.objects, { browseName: "Plant", nodeId: "s=Plant" });
  const counter = own.addVariable({
    componentOf: folder, browseName: "Counter", nodeId: "s=Counter", dataType: "UInt32", minimumSamplingInterval: 0,
  });
  let number = 0;
  const timer = setInterval(() => counter.setValueFromSource({ dataType: DataType.UInt32, value: ++number }), PERIOD_MS);
  counter.setValueFromSource({ dataType: DataType.UInt32, value: 0 });
  return () => clearInterval(timer);
}

async function main() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "omptool-secure-"));
  const port = await freePort();
  const known = new Map(Object.entries(options.passwords ?? {}));
  const server = new OPCUAServer({
    port, host: "127.0.0.1", hostname: "127.0.0.1", nodeset_filename: [nodesets.standard],
    certificateFile: options.certificate, privateKeyFile: options.key,
    serverInfo: { applicationUri: "urn:test:secure", productUri: "urn:test:secure:product" },
    buildInfo: { productName: "Secure", manufacturerName: "Somebody else" },
    securityPolicies: options.policies?.map((name) => SecurityPolicy[name]),
    securityModes: options.modes?.map((name) => MessageSecurityMode[name]),
    allowAnonymous: options.anonymous ?? !(options.passwords || options.users),
    userManager: { isValidUser: (name, password) => known.has(name) && known.get(name) === password },
    serverCertificateManager: await manager(path.join(home, "own"), options.clients),
    userCertificateManager: await manager(path.join(home, "users"), options.users),
    maxConnectionsPerEndpoint: 50, serverCapabilities: { maxSessions: 50, minSupportedSampleRate: 0 },
  });
  await server.initialize();
  const stopCounting = addCounter(server.engine.addressSpace);
  await server.start();
  process.stdout.write(`${JSON.stringify({ url: `opc.tcp://127.0.0.1:${port}` })}\n`);
  endWithStdin(server, home, stopCounting);
}

run(main);
