"""A guardrail for LiteLLM: prompts are redacted on their way to a model, answers on their way back, streams among them.

In the configuration of the proxy::

    guardrails:
      - guardrail_name: keyscan
        litellm_params:
          guardrail: keyscan.litellm.KeyscanGuardrail
          mode: [pre_call, post_call]
          default_on: true
"""

from __future__ import annotations

from typing import Any, AsyncGenerator, Optional

from litellm.integrations.custom_guardrail import CustomGuardrail

from ._keyscan import Guard
from ._values import check_value, default_guard, plain, to_json
from .errors import Blocked
from .llm import _like, aguard_events

#: Members of a request that are no part of the prompt. Credentials among them have to arrive.
_NOT_PROMPT = frozenset(
    {
        "api_base",
        "api_key",
        "api_version",
        "azure_ad_token",
        "base_url",
        "extra_headers",
        "guardrails",
        "headers",
        "litellm_call_id",
        "litellm_logging_obj",
        "litellm_metadata",
        "litellm_params",
        "metadata",
        "model",
        "model_info",
        "proxy_server_request",
        "secret_fields",
        "vertex_credentials",
    }
)
_CREDENTIALS = ("aws_", "azure_", "user_api_key", "watsonx_", "vertex_", "_")


class KeyscanGuardrail(CustomGuardrail):  # type: ignore[misc]
    """Does what a ``keyscan.Guard`` says. Where that withholds a text, ``keyscan.Blocked`` is raised."""

    def __init__(self, guard: Optional[Guard] = None, **named: Any) -> None:
        self.keyscan_guard = guard or default_guard()
        named.setdefault("guardrail_name", "keyscan")
        super().__init__(**named)

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: Any) -> Any:
        for name, value in list(data.items()):
            if name in _NOT_PROMPT or name.startswith(_CREDENTIALS) or value is None or isinstance(value, (bool, int, float)):
                continue
            try:
                # Under its name, by which values are judged, too.
                data[name] = check_value({name: value}, "to-model", self.keyscan_guard)[name]
            except TypeError as error:
                # Nothing that JSON can hold, and nothing that can be sent.
                raise Blocked(f"keyscan cannot look into {name}: {error}") from None
        return data

    async def async_post_call_success_hook(self, data: dict[str, Any], user_api_key_dict: Any, response: Any) -> Any:
        document = plain(response) if not isinstance(response, (dict, list, str)) else response
        shown = check_value(document, "to-user", self.keyscan_guard)
        return response if to_json(shown) == to_json(document) else _like(response, shown)

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        async for event in aguard_events(response, self.keyscan_guard):
            yield event
