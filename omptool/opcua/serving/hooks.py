"""Everything our server touches inside asyncua's that asyncua does not promise to keep; a test names all.

asyncua's server has no interface for values that arrive as bytes or for subscriptions of another make, so its classes
are derived from, and these names of theirs are overridden, called or read. `hooks` is the same for the client.
"""

from __future__ import annotations

from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemService
from asyncua.server.server import Server
from asyncua.server.subscription_service import SubscriptionService
from asyncua.server.uaprocessor import UaProcessor

PRIVATE_SERVER_HOOKS: dict[type, tuple[str, ...]] = {
    InternalServer: ("_external_sessions",),  # sessions that outlive their connection, ended when the server stops
    InternalSubscription: (
        "_triggered_datachanges",  # the queues: ours hold encoded values
        "_pop_publish_result",  # makes one message; ours says whether more follow
        "_pop_triggered_datachanges",
        "_not_acknowledged_results",  # sent messages by sequence number
        "_publishing_enabled",
    ),
    MonitoredItemService: (
        "_create_data_change_monitored_item",  # refuses a deadband in percent of a range that is not known
        "_make_monitored_item_common",  # revised parameters and the item's record
        "_revise_queue_size",
        "_monitored_datachange",  # callback handle to item id
        "_monitored_items",
    ),
    Server: ("_setup_server_nodes", "_policies"),  # endpoints, and what makes the policy of a channel
    UaProcessor: ("_closing",),  # its connection is gone
    SubscriptionService: ("_clamp_keep_alive_count", "_clamp_lifetime_count", "_sub_id_counter"),
}
"""The attributes that asyncua may rename in any release."""
