"""The REST API: DRF, the OpenAPI document, CORS, rate limits."""

from config.settings.base import env

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.tenancy.identity.authentication.TokenAuthentication"],
    # Default-deny: a view that declares nothing lets nobody in.
    "DEFAULT_PERMISSION_CLASSES": ["apps.tenancy.api.permissions.Denied"],
    "DEFAULT_RENDERER_CLASSES": [
        "apps.kernel.api.renderers.JSONRenderer",
        "apps.kernel.api.renderers.ProblemRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": ["apps.kernel.api.renderers.JSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["apps.tenancy.api.throttling.RateLimit"],
    "DEFAULT_FILTER_BACKENDS": ["apps.kernel.api.filters.FilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "apps.kernel.api.pagination.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "apps.kernel.api.openapi.Schema",
    "DEFAULT_VERSIONING_CLASS": None,
    "EXCEPTION_HANDLER": "apps.kernel.api.problems.handle",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
PAGE_SIZE_LIMIT = 200

SPECTACULAR_SETTINGS = {
    "TITLE": "Quintet",
    "DESCRIPTION": (
        "The API of a platform where celebrities, experts and their fans meet. "
        "Every request belongs to one tenant: the one whose host it is sent to, or, on the "
        "platform's own host, the one named in `X-Tenant`."
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "FrequencyEnum": "apps.platform.models.notification.Frequency",
        "PrivacyEnum": "apps.users.models.profile.Privacy.choices",
        "RoleEnum": "apps.tenancy.models.membership.Role",
        "InvitationStatusEnum": "apps.tenancy.models.membership.Invitation.Status",
        "ProfileStatusEnum": "apps.users.models.profile.ProfileStatus",
        "WebhookStateEnum": "apps.platform.models.webhook.EndpointState",
        "WebhookDeliveryStateEnum": "apps.platform.models.webhook.DeliveryState",
        "KindEnum": "apps.platform.models.search.Kind",
        "AccountKindEnum": "apps.commerce.models.ledger.AccountKind",
        "CodeKindEnum": "apps.commerce.models.discount.CodeKind",
        "ItemStateEnum": "apps.commerce.models.inventory.ItemState",
        "PaymentStateEnum": "apps.commerce.models.payment.PaymentState",
        "ProviderEnum": "apps.commerce.models.payment.Provider",
        "PurchaseStateEnum": "apps.commerce.models.purchase.PurchaseState",
        "SubscriptionStateEnum": "apps.commerce.models.subscription.SubscriptionState",
    },
    # Choices that several fields share, or whose fields share a name with others'.
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.kernel.api.openapi.add_problems",
    ],
}

# Browsers may call from anywhere with a token; cookies only from the hosts named here.
CORS_ALLOW_ALL_ORIGINS = env.bool("CORS_ALLOW_ALL_ORIGINS", True)
CORS_ALLOW_CREDENTIALS = False
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "cart-token",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "x-request-id",
    "x-tenant",
]
CORS_EXPOSE_HEADERS = [
    "etag",
    "idempotency-replayed",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "x-request-id",
]
# A form is trusted by its own host alone, unless others are named.
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])

# Requests per minute; 0 switches a limit off.
RATE_LIMIT_PER_TENANT = env.int("RATE_LIMIT_PER_TENANT", 60_000)
RATE_LIMIT_PER_ACCOUNT = env.int("RATE_LIMIT_PER_ACCOUNT", 6_000)
