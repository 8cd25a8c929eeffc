// Reads values as a client of another stack does: URL and NodeIds (nsu=…) as arguments, one JSON line per node with what
// it made of the value by the server's own definitions.
import { OPCUAClient } from "node-opcua-client";

const [url, ...texts] = process.argv.slice(2);

/** Plain data: bytes as base64, 64-bit numbers as [high, low], everything else as the stack's own JSON. */
function plain(value) {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return value.toString("base64");
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value)) return Array.from(value);
  if (value instanceof Date || typeof value !== "object") return value;
  if (value.schema?.fields) {
    const fields = Object.entries(value).filter(([name, field]) => typeof field !== "function" && !name.startsWith("_") && field !== undefined);
    return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]));
  }
  return value.toJSON ? value.toJSON() : { ...value };
}

const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 2 } });
await client.withSessionAsync(url, async (session) => {
  const namespaces = await session.readNamespaceArray();
  for (const text of texts) {
    const [, uri, rest] = /^nsu=([^;]*);(.*)$/s.exec(text);
    const nodeId = `ns=${namespaces.indexOf(decodeURIComponent(uri))};${rest}`;
    const { value } = await session.read({ nodeId });
    process.stdout.write(JSON.stringify({ node_id: text, name: value.value?.schema?.name ?? null, value: plain(value.value) }) + "\n");
  }
});
process.exit(0);
