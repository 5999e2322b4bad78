"""Signs a browser in to JupyterLab by a link that works once; JupyterLab loads this module, not the service."""

import hmac

from jupyter_server.auth.identity import PasswordIdentityProvider, User
from tornado.web import RequestHandler
from traitlets import Unicode

CODE_ARGUMENT = "once"


class OneTimeLogin(PasswordIdentityProvider):
    """Takes a code in the page's address one time, and JupyterLab's usual token otherwise.

    A link stays in the scrollback of terminals, in logs and in the browser's history, where the token would open the
    kernel, and with it the machine, to whoever finds it.
    """

    code = Unicode("", help="The code of the link; it is empty once it has been used.").tag(config=True)

    async def get_user_token(self, handler: RequestHandler) -> User | None:
        """Return the user whom a code or a token in the request stands for; None if there is neither."""
        given = handler.get_argument(CODE_ARGUMENT, "")
        if given and self.code and hmac.compare_digest(given.encode(), self.code.encode()):
            self.code = ""
            return self.generate_anonymous_user(handler)
        return await super().get_user_token(handler)
