// A server on a stack that is not ours whose values are those of ticking.py. One JSON argument: `truth`, a file for the
// k that it gives out, and `step`, a file whose number of seconds its clock is off by as soon as it is there. All values
// have a history. Prints one JSON line with its url; ends with its stdin.
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const options = JSON.parse(process.argv[2] ?? "{}");
let aheadMs = 0;

function lookAtClock() {
  aheadMs = fs.existsSync(options.step) ? Math.round(Number(fs.readFileSync(options.step, "utf8")) * 1000) : 0;
}
lookAtClock();

// before the stack is loaded: it takes times from here
const TrueDate = Date;
globalThis.Date = class Date extends TrueDate {
  constructor(...given) {
    given.length === 0 ? super(TrueDate.now() + aheadMs) : super(...given);
  }
  static now() {
    return TrueDate.now() + aheadMs;
  }
};

const require = createRequire(new URL("../peers/", import.meta.url));
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { nodesets } = require("node-opcua-nodesets");
const { MessageSecurityMode, SecurityPolicy } = require("node-opcua-secure-channel");
const { OPCUAServer } = require("node-opcua-server");
const { StatusCodes } = require("node-opcua-status-code");
const { DataType, Variant } = require("node-opcua-variant");

const PERIOD_MS = 50;
const NODES = ["Tick0", "Tick1", "Tick2", "Tick3"];

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function addTicking(space) {
  const own = space.registerNamespace("urn:test:ticking");
  const folder = own.addFolder(space.rootFolder.objects, { browseName: "Ticking", nodeId: "s=Ticking" });
  return NODES.map((name) => {
    const made = own.addVariable({ componentOf: folder, browseName: name, nodeId: `s=${name}`, dataType: "Double", minimumSamplingInterval: 0 });
    made.setValueFromSource(new Variant({ dataType: DataType.Double, value: 0 }), StatusCodes.Good, new Date(0));
    space.installHistoricalDataNode(made, { maxOnlineValues: 20000 });
    return made;
  });
}

/** One tick at a time, also when late: the stack folds what changes twice within a millisecond. */
function tick(variables) {
  const truth = fs.openSync(options.truth, "a");
  let last = Math.floor(Date.now() / PERIOD_MS) - 1;
  let before = aheadMs;
  const step = () => {
    lookAtClock();
    if (aheadMs !== before) {
      before = aheadMs;
      last = Math.floor(Date.now() / PERIOD_MS) - 1;
    }
    if (last < Math.floor(Date.now() / PERIOD_MS)) {
      last += 1;
      fs.writeSync(truth, `${last}\n`);
      variables.forEach((variable, number) => {
        variable.setValueFromSource(new Variant({ dataType: DataType.Double, value: last * NODES.length + number }), StatusCodes.Good, new Date(last * PERIOD_MS));
      });
    }
    setTimeout(step, Math.max((last + 1) * PERIOD_MS - Date.now(), 5));
  };
  step();
}

async function main() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "omptool-ticking-"));
  const pki = (name) => new OPCUACertificateManager({ rootFolder: path.join(home, name), automaticallyAcceptUnknownCertificate: true });
  const port = await freePort();
  const server = new OPCUAServer({
    port, host: "127.0.0.1", hostname: "127.0.0.1", nodeset_filename: [nodesets.standard],
    serverInfo: { applicationUri: "urn:test:ticking:peer", productUri: "urn:test:ticking:product" },
    securityModes: [MessageSecurityMode.None], securityPolicies: [SecurityPolicy.None], // faults aim into plain messages
    serverCertificateManager: pki("own"), userCertificateManager: pki("users"),
    maxConnectionsPerEndpoint: 500, serverCapabilities: { maxSessions: 400, minSupportedSampleRate: 0, maxSubscriptions: 400 },
  });
  await server.initialize();
  const variables = addTicking(server.engine.addressSpace);
  await server.start();
  tick(variables);
  process.stdout.write(`${JSON.stringify({ url: `opc.tcp://127.0.0.1:${port}` })}\n`);
  process.stdin.on("end", async () => {
    await server.shutdown(0);
    fs.rmSync(home, { recursive: true, force: true });
    process.exit(0);
  }).resume();
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
