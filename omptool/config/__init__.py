"""Settings: from flags, `OMPTOOL_*` variables and omptool.toml to typed values that know where they came from.

`load` is pure: it takes the texts. `read` finds and reads the files; nothing here creates one. Precedence: flag,
environment, project file, user file, default. A `[servers.NAME]` or `[cloud.NAME]` table is taken whole from one file,
so that no value is ever combined with an address from elsewhere. A secret has no place here: URLs with a password are
refused, and a token is named by its file.
"""

from omptool.config.cloud import CLOUD_SETTINGS, CloudConfig
from omptool.config.files import read, sessions_folder, user_file
from omptool.config.loading import FILE_NAME, Config, File, Value, load
from omptool.config.noderules import NODE_SETTINGS, NodeRule
from omptool.config.operations import SETTINGS
from omptool.config.schema import SERVER_SETTINGS, ServerConfig, Setting, checked_url

__all__ = [
    "CLOUD_SETTINGS",
    "FILE_NAME",
    "NODE_SETTINGS",
    "SERVER_SETTINGS",
    "SETTINGS",
    "CloudConfig",
    "Config",
    "File",
    "NodeRule",
    "ServerConfig",
    "Setting",
    "Value",
    "checked_url",
    "load",
    "read",
    "sessions_folder",
    "user_file",
]
