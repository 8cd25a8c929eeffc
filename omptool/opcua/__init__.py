"""The only importer of asyncua: session, crawl, subscription, server."""
