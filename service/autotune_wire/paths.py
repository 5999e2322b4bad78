"""The URL paths, in one place."""

AUTH_TOKEN = "/auth/token"  # noqa: S105 -- a path, no secret
AUTH_REFRESH = "/auth/refresh"
AUTH_HEADER_ME = "/auth/header-me"
AUTH_LOGIN = "/auth/login"
AUTH_LOGOUT = "/auth/logout"
AUTH_ME = "/auth/me"
AUTH_BASIC_ME = "/auth/basic-me"
USER_SIGNUP = "/user/signup"

EXPERIMENT_NEW = "/experiment/new"
EXPERIMENT_ALL = "/experiment/all"
EXPERIMENT = "/experiment/{exp_uuid}"
EXPERIMENT_ASK = "/experiment/ask/{exp_uuid}"
EXPERIMENT_TELL = "/experiment/tell/{exp_uuid}"
EXPERIMENT_HISTORY = "/experiment/{exp_uuid}/history"
EXPERIMENT_CLOSE = "/experiment/{exp_uuid}/close"
EXPERIMENT_STREAM = "/experiment/stream/{exp_uuid}"

HEALTH_LIVE = "/health/live"
HEALTH_READY = "/health/ready"
