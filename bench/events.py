"""The events that an edge-optimized API of API Gateway sends to a Lambda, for each operation."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from bench.stub_dynamodb import WITH_20_COMMENTS
from tests.support import api_gateway

# CloudFront adds these headers ("Adding CloudFront request headers" in the Amazon CloudFront
# Developer Guide).
CLOUDFRONT_HEADERS = [
    ("CloudFront-Forwarded-Proto", "https"),
    ("CloudFront-Is-Desktop-Viewer", "true"),
    ("CloudFront-Is-Mobile-Viewer", "false"),
    ("CloudFront-Is-SmartTV-Viewer", "false"),
    ("CloudFront-Is-Tablet-Viewer", "false"),
    ("CloudFront-Viewer-ASN", "64496"),
    ("CloudFront-Viewer-Country", "US"),
    ("Via", "1.1 0123456789abcdef0123456789abcdef.cloudfront.net (CloudFront)"),
    ("X-Amz-Cf-Id", "uB1Yn2wFkqhk0uYqA3wGv1f3m1sS8J0yq0m1o6b2c0l0k1j2h3g4f5=="),
]
TICKET = "/tickets/0f5e4c1e-3f0b-4d0a-9a3e-5b7d0a8f4c11"

get = partial(api_gateway.event, "GET", headers=CLOUDFRONT_HEADERS)


def post(path: str, body: dict[str, str]) -> dict[str, Any]:
    headers = [*CLOUDFRONT_HEADERS, ("Content-Type", "application/json")]
    return api_gateway.event("POST", path, headers=headers, body=json.dumps(body))


CREATE = post("/tickets", {"caller_id": "+15550100", "issue_description": "My printer is on fire"})
GET = get(TICKET)
COMMENT = post(f"{TICKET}/comments", {"comment": "It is still burning"})
LIST = get("/tickets", query=[("caller", "+15550100")])
GET_WITH_20_COMMENTS = get(f"/tickets/ticket-{WITH_20_COMMENTS}")
LIST_WITH_20_COMMENTS = get("/tickets", query=[("caller", f"caller-{WITH_20_COMMENTS}")])
