"""Which endpoint is chosen, by which token a user logs in, and what CreateSession must confirm. Nothing is opened."""

from __future__ import annotations

import itertools

import pytest

from omptool.config import ServerConfig
from omptool.errors import ServerRefused
from omptool.opcua.security import endpoints
from omptool.opcua.security.endpoints import NONE, POLICIES, Endpoint, Token
from omptool.protocol.opening import Description, TokenPolicy

URL = "opc.tcp://press7:4840"
ANYBODY = (Token("Anonymous", "a", NONE),)


def endpoint(policy: str, mode: str, tokens: tuple[Token, ...] = ANYBODY) -> Endpoint:
    return Endpoint(policy, mode, tokens, b"", "urn:x")


NOTHING = endpoint(NONE, NONE)
WEAK_TO_STRONG = [
    NOTHING,
    *(endpoint(policy, mode) for mode in ("Sign", "SignAndEncrypt") for policy in POLICIES[1:]),
]


@pytest.mark.parametrize("order", [1, -1])
def test_the_strongest_is_chosen_whatever_stands_first(order: int) -> None:
    for count in range(1, len(WEAK_TO_STRONG) + 1):
        offered = WEAK_TO_STRONG[:count][::order]
        assert endpoints.choose(offered, ServerConfig(URL)) == WEAK_TO_STRONG[count - 1]


def test_none_is_chosen_only_when_it_is_all_there_is_or_asked_for() -> None:
    for other in WEAK_TO_STRONG[1:]:
        assert endpoints.choose([NOTHING, other], ServerConfig(URL)) == other
        assert endpoints.choose([NOTHING, other], ServerConfig(URL, security_policy=NONE)) == NOTHING


def test_what_is_asked_for_and_not_offered_is_never_replaced() -> None:
    for policy, mode in itertools.product(POLICIES[1:], ("Sign", "SignAndEncrypt")):
        with pytest.raises(ServerRefused, match="does not offer"):
            endpoints.choose([NOTHING], ServerConfig(URL, security_policy=policy, security_mode=mode))
    with pytest.raises(ServerRefused, match="no endpoint without security") as caught:
        endpoints.choose(WEAK_TO_STRONG[1:], ServerConfig(URL, security_policy=NONE))
    assert "Basic256Sha256:Sign" in caught.value.hint


def test_elliptic_curves_only() -> None:
    curves = [endpoint("ECC_nistP256", "SignAndEncrypt"), endpoint("ECC_brainpoolP384r1", "Sign")]
    with pytest.raises(ServerRefused, match="ECC_nistP256, ECC_brainpoolP384r1") as caught:
        endpoints.choose(curves, ServerConfig(URL))
    assert "Basic256Sha256" in caught.value.hint
    assert endpoints.choose([*curves, WEAK_TO_STRONG[4]], ServerConfig(URL)) == WEAK_TO_STRONG[4]


@pytest.mark.parametrize("odd", [endpoint("Basic256Sha256", NONE), endpoint(NONE, "Sign"), endpoint("", "7")])
def test_an_endpoint_that_contradicts_itself_is_passed_over(odd: Endpoint) -> None:
    assert endpoints.choose([odd, NOTHING], ServerConfig(URL)) == NOTHING


def names(policy: str = NONE) -> Token:
    return Token("UserName", policy, policy)


@pytest.mark.parametrize(
    ("policy", "mode", "offered", "chosen"),
    [
        ("Basic256Sha256", "SignAndEncrypt", [NONE], NONE),
        ("Basic256Sha256", "SignAndEncrypt", [NONE, "Basic256Sha256"], "Basic256Sha256"),
        ("Basic256Sha256", "Sign", [NONE, "Basic256", "Aes256_Sha256_RsaPss"], "Aes256_Sha256_RsaPss"),
        ("Basic256Sha256", "Sign", [NONE], None),
        (NONE, NONE, ["Basic256Sha256", NONE], "Basic256Sha256"),
        (NONE, NONE, [NONE], None),
    ],
)
def test_a_password_never_travels_in_clear(policy: str, mode: str, offered: list[str], chosen: str | None) -> None:
    asked = endpoint(policy, mode, tuple(map(names, offered)))
    if chosen is None:
        with pytest.raises(ServerRefused, match="password sent in clear"):
            endpoints.token_for("UserName", asked, URL)
    else:
        assert endpoints.token_for("UserName", asked, URL).policy_id == chosen


def test_users_that_an_endpoint_does_not_take() -> None:
    with pytest.raises(ServerRefused, match="takes no anonymous user") as caught:
        endpoints.token_for("Anonymous", endpoint("Basic256", "Sign", (names("Basic256"),)), URL)
    assert "--user NAME" in caught.value.hint and "UserName" in caught.value.hint
    with pytest.raises(ServerRefused, match="takes no user certificate"):
        endpoints.token_for("Certificate", NOTHING, URL)
    only_curves = endpoint("Basic256", "Sign", (Token("Certificate", "c", "ECC_nistP256"),))
    with pytest.raises(ServerRefused, match="protected by ECC_nistP256"):
        endpoints.token_for("Certificate", only_curves, URL)


def test_both_lists_must_agree_in_security_and_users() -> None:
    full = WEAK_TO_STRONG[4:6]
    assert endpoints.confirmed(full, full[::-1])
    assert endpoints.confirmed([*full, full[0]], full), "a server with two addresses names each endpoint twice"
    assert not endpoints.confirmed(full[:1], full), "the stronger one was taken out on the way"
    assert not endpoints.confirmed(full, full[:1])
    weaker = [endpoint("Basic256", "Sign", (names(NONE),))]
    assert not endpoints.confirmed(weaker, [endpoint("Basic256", "Sign", (names("Basic256"),))])


def test_other_transports_are_none_of_ours_and_an_empty_token_policy_is_the_endpoints() -> None:
    policy = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"
    described = Description("urn:x", b"", 2, policy, (TokenPolicy("u", 1, ""),), endpoints.BINARY)
    other = described._replace(transport_uri="http://opcfoundation.org/UA-Profile/Transport/https-uabinary")
    (only,) = endpoints.read([described, other])
    assert (only.policy, only.mode) == ("Basic256Sha256", "Sign")
    assert only.tokens == (Token("UserName", "u", "Basic256Sha256"),)
