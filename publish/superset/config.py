"""Superset's configuration; what differs by machine, run.py sets in the environment."""

import os
from pathlib import Path

HOME = Path(os.environ["FLOWHOUSE_SUPERSET_HOME"])

SECRET_KEY = os.environ["FLOWHOUSE_SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME}/superset.db?check_same_thread=false"
APP_NAME = "flowhouse"

# One process serves: what it keeps lies in its memory. A new published file is seen in a minute.
CACHE_CONFIG = DATA_CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 60}
RATELIMIT_STORAGE_URI = "memory://"

# Nobody can register, no message is sent, and no file is uploaded.
AUTH_USER_REGISTRATION = False
SCARF_ANALYTICS = False
ALLOWED_EXTENSIONS: set[str] = set()
FEATURE_FLAGS = {"ALERT_REPORTS": False, "EMBEDDED_SUPERSET": False}
ROW_LIMIT = SQL_MAX_ROW = 50_000
SESSION_COOKIE_SAMESITE = "Lax"

# Superset's bundle wants to load a counting pixel: this page loads nothing from elsewhere.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = TALISMAN_DEV_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'", "'unsafe-eval'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
