// An OPC UA server on a stack that is not ours, mean on purpose: at most 5 operations per request, at most 7 references
// per Browse answer, few continuation points. Prints {"port": N} on a line of its own when it listens (the stack prints
// other lines too); ends with its stdin.
"use strict";
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");

const { MessageSecurityMode, SecurityPolicy } = require("node-opcua-secure-channel");
const { OPCUAServer } = require("node-opcua-server");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { DataType, Variant, VariantArrayType } = require("node-opcua-variant");
const { standardUnits } = require("node-opcua-data-access");
const { StatusCodes } = require("node-opcua-status-code");
const { nodesets } = require("node-opcua-nodesets");

const LIMIT = 5;
const VARIABLES = 40;

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function addVariables(server) {
  const space = server.engine.addressSpace;
  const own = space.getOwnNamespace();
  const line = own.addFolder(space.rootFolder.objects, { browseName: "Line1", nodeId: "s=Line1" });
  const press = own.addObject({ organizedBy: line, browseName: "Press7", nodeId: "s=Press7" });
  own.addAnalogDataItem({
    componentOf: press, browseName: "Temperature", nodeId: "s=Temperature", description: "Oil", dataType: "Double",
    definition: "", valuePrecision: 0.1, engineeringUnitsRange: { low: -20, high: 120 },
    instrumentRange: { low: -50, high: 200 }, engineeringUnits: standardUnits.degree_celsius,
    value: new Variant({ dataType: DataType.Double, value: 61.5 }),
  });
  const mode = own.addEnumerationType({ browseName: "ModeType", enumeration: ["Off", "Manual", "Automatic"] });
  own.addVariable({
    componentOf: press, browseName: "Mode", nodeId: "s=Mode", dataType: mode,
    value: new Variant({ dataType: DataType.Int32, value: 2 }),
  });
  own.addVariable({
    componentOf: press, browseName: "Counter", nodeId: "s=Counter", dataType: "UInt64",
    value: new Variant({ dataType: DataType.UInt64, arrayType: VariantArrayType.Scalar, value: [0x00200000, 1] }), // 2**53 + 1
  });
  own.addVariable({
    componentOf: press, browseName: "Profile", nodeId: "s=Profile", dataType: "Float", valueRank: 1, arrayDimensions: [3],
    value: new Variant({ dataType: DataType.Float, arrayType: VariantArrayType.Array, value: new Float32Array([1.5, -2, 3.25]) }),
  });
  own.addVariable({
    componentOf: press, browseName: "Broken", nodeId: "s=Broken", dataType: "Double", minimumSamplingInterval: 1000,
    value: { get: () => StatusCodes.BadSensorFailure },
  });
  const tags = own.addFolder(line, { browseName: "Tags", nodeId: "s=Tags" });
  for (let number = 0; number < VARIABLES; number++) {
    own.addVariable({
      componentOf: tags, browseName: `Tag${number}`, nodeId: `s=Tag${number}`, dataType: "Int32",
      value: new Variant({ dataType: DataType.Int32, value: number }),
    });
  }
}

async function main() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "omptool-peer-"));
  const pki = (name) => new OPCUACertificateManager({ rootFolder: path.join(home, name), automaticallyAcceptUnknownCertificate: true });
  const port = await freePort();
  const server = new OPCUAServer({
    port, host: "127.0.0.1", hostname: "127.0.0.1",
    nodeset_filename: [nodesets.standard],
    securityModes: [MessageSecurityMode.None], securityPolicies: [SecurityPolicy.None],
    serverInfo: { applicationUri: "urn:test:peer", productUri: "urn:test:peer:product" },
    buildInfo: { productName: "Peer", manufacturerName: "Somebody else" },
    serverCertificateManager: pki("own"), userCertificateManager: pki("users"),
    maxConnectionsPerEndpoint: 50,
    serverCapabilities: {
      maxBrowseContinuationPoints: 2, maxSessions: 20,
      operationLimits: { maxNodesPerRead: LIMIT, maxNodesPerBrowse: LIMIT, maxMonitoredItemsPerCall: LIMIT },
    },
  });
  await server.initialize();
  addVariables(server);
  await server.start();
  process.stdout.write(JSON.stringify({ port }) + "\n");
  const stop = async () => {
    await server.shutdown(0);
    fs.rmSync(home, { recursive: true, force: true });
    process.exit(0);
  };
  process.stdin.on("end", stop).resume();
  process.on("SIGTERM", stop);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
