"""Identity: the embedded issuer (django-allauth), its keys and tokens, and whom tenants may trust besides."""

from hashlib import sha256

from environs import validate

from config.settings.base import PLATFORM_HOST, SECRET_KEY, env

# allauth's own, so that the admin's form, too, counts failures and takes emails in any case.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"

# Tokens -------------------------------------------------------------------------------------------

# The `iss` of every token of the embedded issuer: one for the whole platform, whatever the host, so
# that a tenant can change its host without ending anybody's session.
_is_local = PLATFORM_HOST.endswith("localhost")
ISSUER_URL = env.str(
    "ISSUER_URL", f"http://{PLATFORM_HOST}:8000" if _is_local else f"https://{PLATFORM_HOST}"
).rstrip("/")
# The `aud` that a token must carry to be accepted here.
TOKEN_AUDIENCE = env.str("TOKEN_AUDIENCE", "quintet")
ACCESS_TOKEN_SECONDS = env.int("ACCESS_TOKEN_SECONDS", 900)
REFRESH_TOKEN_SECONDS = env.int("REFRESH_TOKEN_SECONDS", 30 * 86_400)
# The PEM of an RSA private key, to sign with instead of the keys in the control plane, which then only
# verify: for deployments that bring their own.
SIGNING_KEY = env.str("SIGNING_KEY", "").replace("\\n", "\n")
# How long a key that no longer signs is still published: no token may live longer.
SIGNING_KEY_OVERLAP_SECONDS = env.int("SIGNING_KEY_OVERLAP_SECONDS", 30 * 86_400)
# How far other people's clocks may be from ours.
TOKEN_LEEWAY_SECONDS = env.int("TOKEN_LEEWAY_SECONDS", 10)

# External issuers ---------------------------------------------------------------------------------

# Issuers without TLS, and on this machine, are for development and tests only.
ALLOW_INSECURE_ISSUERS = env.bool("ALLOW_INSECURE_ISSUERS", False)
# For issuers inside the deployment's own network: https on private addresses.
ALLOW_PRIVATE_ISSUERS = env.bool("ALLOW_PRIVATE_ISSUERS", False)
ISSUER_TIMEOUT_SECONDS = env.float("ISSUER_TIMEOUT_SECONDS", 3.0)
# Keys are read anew after this long, so a key that its issuer withdraws is refused by then.
ISSUER_KEYS_SECONDS = env.float("ISSUER_KEYS_SECONDS", 300.0)
# A token with an unknown key id has keys read anew, but not sooner than this after the last time.
ISSUER_REFETCH_SECONDS = env.float("ISSUER_REFETCH_SECONDS", 5.0)

# Invitations --------------------------------------------------------------------------------------

INVITATION_SECONDS = env.int("INVITATION_SECONDS", 7 * 86_400)
# Where an invitation's email leads. The token goes behind #, which browsers send to no server.
INVITATION_URL = env.str("INVITATION_URL", "https://{domain}/invitation#token={token}")

# allauth ------------------------------------------------------------------------------------------

ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
# optional: an email is sent (to the console, in development) and people may go on at once;
# mandatory: they sign in once they have confirmed it. Invitations need a confirmed one either way.
ACCOUNT_EMAIL_VERIFICATION = env.str(
    "EMAIL_VERIFICATION", "optional", validate=validate.OneOf(["optional", "mandatory"])
)
ACCOUNT_SESSION_REMEMBER = True
SESSION_COOKIE_NAME = "quintet_session"
# A refresh token is part of a session, and can't outlive it.
SESSION_COOKIE_AGE = REFRESH_TOKEN_SECONDS
# How many proxies in front of Quintet add to X-Forwarded-For; sign-in counts failures by it.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", 0)

# Apps are given an access and a refresh token when they sign in; browsers sign in with a cookie, and
# take tokens by authorization code with PKCE.
HEADLESS_CLIENTS = ("app", "browser")
HEADLESS_TOKEN_STRATEGY = "apps.tenancy.identity.strategy.TokenStrategy"
# Refresh tokens are read by this server alone; access tokens are signed with the published keys.
HEADLESS_JWT_ALGORITHM = "HS256"
HEADLESS_JWT_PRIVATE_KEY = sha256(f"refresh tokens {SECRET_KEY}".encode()).hexdigest()
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = ACCESS_TOKEN_SECONDS
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = REFRESH_TOKEN_SECONDS
HEADLESS_JWT_ROTATE_REFRESH_TOKEN = True
# Pages of a frontend of your own, with {key}; where one is missing, allauth's plain pages serve.
HEADLESS_FRONTEND_URLS = {
    name: url
    for name, url in {
        "account_confirm_email": env.str("CONFIRM_EMAIL_URL", ""),
        "account_reset_password": env.str("RESET_PASSWORD_URL", ""),
        "account_reset_password_from_key": env.str("RESET_PASSWORD_KEY_URL", ""),
        "account_signup": env.str("SIGNUP_URL", ""),
    }.items()
    if url
}

IDP_OIDC_ADAPTER = "apps.tenancy.identity.adapters.IssuerAdapter"
IDP_OIDC_ACCESS_TOKEN_FORMAT = "jwt"
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = ACCESS_TOKEN_SECONDS
IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN = REFRESH_TOKEN_SECONDS
# Short, so that a new key is known everywhere soon after it signs.
IDP_OIDC_JWKS_CACHE_CONTROL = 300
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Quintet"
