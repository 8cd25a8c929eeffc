"""Which nodes are meant: globs, lists somebody wrote, files of other tools."""
