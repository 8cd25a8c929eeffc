// node-opcua's own client, doing nothing with what it receives: `subscribing.cjs URL ITEMS`, until it is ended.
const {
    OPCUAClient, AttributeIds, ClientMonitoredItemGroup, TimestampsToReturn, MessageSecurityMode, SecurityPolicy,
} = require("node-opcua-client");

const FIRST_TAG = 1001;

async function main(url, items) {
    const client = OPCUAClient.create({
        endpointMustExist: false,
        securityMode: MessageSecurityMode.None,
        securityPolicy: SecurityPolicy.None,
        connectionStrategy: { maxRetry: 1 },
    });
    await client.connect(url);
    const session = await client.createSession();
    const subscription = await session.createSubscription2({
        requestedPublishingInterval: 10, requestedMaxKeepAliveCount: 1000, requestedLifetimeCount: 10000,
        maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 1,
    });
    const wanted = [];
    for (let item = 0; item < items; item++) {
        wanted.push({ nodeId: `ns=2;i=${FIRST_TAG + item}`, attributeId: AttributeIds.Value });
    }
    const settings = { samplingInterval: 0, queueSize: 10, discardOldest: true };
    ClientMonitoredItemGroup.create(subscription, wanted, settings, TimestampsToReturn.Both).on("changed", () => {});
}

main(process.argv[2], Number(process.argv[3])).catch((error) => {
    console.error(error.message);
    process.exit(1);
});
