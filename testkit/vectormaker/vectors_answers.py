"""Protocol §8.5: answers to a lease request, as the client checks them. §13: errors."""

from vectormaker.licences import (AUDIT_KEY, CLASSIFIER, CONTEXTS, DAY, DEVICE_KEM, FILE_KEY, LEASE_KEY, NEXT_LEASE_KEY, NOW, OTHER_KEY,
                                  OTHER_LEASE_KEY, TOKEN_KEY, answer, changed, in_order, item, lease, receipt, request, request_hash, revocations, signed_lease)
from vectormaker.message_vector import MessageVector, encodings
from vectormaker.primitives import cbor, fixed_bytes, sha256
from vectormaker.stanzas import flipped

BOTH = in_order(TOKEN_KEY, FILE_KEY)
ITEMS = [item(0), item(1, product=CLASSIFIER, keys=BOTH), item(2)]


def vectors():
    yield from answers()
    yield from returns()
    yield from errors()


def signed_list(changes=None, signer=LEASE_KEY, purpose="revocations"):
    return signer.sign1(purpose, cbor(revocations(changes)))


def answers():
    value = request("lease-request", {11: ITEMS})
    asked = (cbor(value), value)
    all_of, stored = (0, 1, 2), signed_list()
    shares = {number: [fixed_bytes(f"item {number}", f"share {at}", 32) for at in range(2 if number == 1 else 1)] for number in range(3)}

    def case(name, expect, text, data, opened=all_of, level=0, epoch=1, to=asked):
        return MessageVector(f"answer-{name}", "answer", expect, "8.5", text, data, {"shares": [shares[number] for number in opened]},
                             service="service-good", publisher="acme.pub", request=to[0], level=level, server_epoch=epoch, revocations=stored,
                             kem=DEVICE_KEM.kem, private=DEVICE_KEM.secret)

    yield case("good", "valid", "three containers, one with two shares", answer(asked, all_of))
    yield case("next-key", "valid", "signed with the next lease key", answer(asked, all_of, signer=NEXT_LEASE_KEY))
    yield case("recalled", "valid", "one of three is recalled: the places are those in the request", answer(asked, (0, 2), {8: [CONTEXTS[1]]}), (0, 2))
    newer = signed_list({2: 4})
    yield case("with-list", "valid", "with a newer revocation list", answer(asked, all_of, {19: 4}, revocations_list=newer))
    yield case("same-list", "valid", "with the list that is stored", answer(asked, all_of, revocations_list=stored))
    earlier = changed(value, {7: 2})
    yield case("list-fetched-meanwhile", "valid", "the stored list is newer than that of the request and the lease", answer((cbor(earlier), earlier), all_of, {19: 2}),
               to=(cbor(earlier), earlier))
    yield case("epoch-higher", "valid", "the service was restored since", answer(asked, all_of, {16: 9}))
    yield case("signed-by-another", "signature", "signed with the key of another service", answer(asked, all_of, signer=OTHER_LEASE_KEY))
    yield case("audit-key", "signature", "signed with the audit key", answer(asked, all_of, signer=AUDIT_KEY))
    other = request("lease-request", {11: ITEMS, 4: bytes(16)})
    for name, text, changes in (("service", "another service", {1: bytes(32)}), ("request", "another request", {3: bytes(32)}),
                                ("device", "another device", {4: bytes(32)}), ("licence", "another licence", {5: bytes(16)}),
                                ("level", "another level", {6: 3})):
        yield case(f"{name}-wrong", "request", text, answer(asked, all_of, changes))
    yield case("yesterday", "request", "yesterday's answer to another request", answer((cbor(other), other), all_of))
    yield case("epoch-lower", "older", "the service's epoch is lower than a stored one", answer(asked, all_of), epoch=2)
    yield case("item-missing", "items", "an item is missing, and not recalled", answer(asked, (0, 1)))
    yield case("items-swapped", "items", "the items are in another order", answer(asked, (1, 0, 2)))
    yield case("product-wrong", "items", "the product of an item is another one",
               answer(asked, all_of, {7: with_item(asked, product=CLASSIFIER)}))
    yield case("recalled-not-asked", "items", "a recalled container was not asked for", answer(asked, all_of, {8: [bytes(32)]}))
    swapped = lambda rows: [rows[2], rows[1], rows[0]]
    yield case("shares-swapped", "shares", "the shares of two items changed places", answer(asked, all_of, shares=swapped))
    yield case("share-flipped", "shares", "a share is damaged", answer(asked, all_of, shares=lambda rows: [[flipped(rows[0][0])], *rows[1:]]))
    yield case("share-missing", "shares", "one of two shares is missing, and the hash is right", answer(
        asked, all_of, shares=lambda rows: [rows[0], rows[1][:1], rows[2]], hashes=lambda made: [made[0], hash_of(asked, 1), made[2]]))
    yield case("row-missing", "shares", "the shares of an item are missing", answer(asked, all_of, shares=lambda rows: rows[:2]))
    for name, text, options in (
        ("other-key", "the shares are for another key", {"key": OTHER_KEY}), ("other-request", "the shares are for another request", {"info": b"ovseal/v1/lease-share\0" + bytes(32)}),
        ("other-place", "the shares are for another place in the request", {"places": [1, 2, 0]}),
        ("stanza-info", "the shares have the info of a stanza", {"info": b"ovseal/v1/license\0" + CONTEXTS[0]}),
    ):
        yield case(f"share-{name}", "does-not-open", text, answer(asked, all_of, **options))
    yield case("list-missing", "revocations", "the lease has a newer list's number, and the list is missing", answer(asked, all_of, {19: 4}))
    yield case("list-older", "revocations", "the lease has an older list's number", answer(asked, all_of, {19: 2}))
    yield case("list-of-another-number", "revocations", "the list has another number than the lease", answer(asked, all_of, {19: 5}, revocations_list=newer))
    yield case("list-older-sent", "revocations", "an older list", answer(asked, all_of, {19: 2}, revocations_list=signed_list({2: 2})))
    yield case("list-signed-by-another", "revocations", "a list that is signed with another key",
               answer(asked, all_of, {19: 4}, revocations_list=signed_list({2: 4}, OTHER_LEASE_KEY)))
    yield case("list-of-another-service", "revocations", "a list of another service", answer(asked, all_of, {19: 4}, revocations_list=signed_list({1: bytes(32), 2: 4})))
    yield case("two-lists", "two-lists", "another list with the number of the stored one", answer(asked, all_of, revocations_list=signed_list({4: []})))
    good = answer(asked, all_of)
    yield case("trailing-byte", "malformed", "a byte follows", good + b"\0")
    yield case("cut", "malformed", "the last byte is missing", good[:-1])
    yield case("html", "malformed", "the page of a captive portal", b"<!DOCTYPE html><html><body>Please log in</body></html>")
    yield case("empty", "malformed", "no byte", b"")
    yield case("share-2049", "malformed", "a share of 2049 bytes", answer(asked, all_of, shares=lambda rows: [[bytes(2049)], *rows[1:]]))
    yield case("row-empty", "malformed", "an item without shares", answer(asked, all_of, shares=lambda rows: [[], *rows[1:]]))


def hash_of(asked, number):
    """Returns the hash of the first share of an item alone."""
    from vectormaker.licences import shares_of

    R = request_hash(asked[0], "lease-request")
    rows = shares_of("answer", R, [(at, asked[1][11][at]) for at in range(3)])
    return sha256(cbor(rows[number][:1]))


def with_item(asked, product):
    """Returns the items of the right lease, the first one with another product."""
    from vectormaker.licences import shares_of

    R = request_hash(asked[0], "lease-request")
    rows = shares_of("answer", R, [(at, asked[1][11][at]) for at in range(3)])
    items = [[parameters[33:49], context, sha256(cbor(row))] for (parameters, context), row in zip(asked[1][11], rows)]
    return [[product, *items[0][1:]], *items[1:]]


def returns():
    """Answers to the return of a lease at level 1, where two other leases are kept."""
    licences = [fixed_bytes("kept", f"licence {number}", 16) for number in range(2)]
    bounds = {6: 1, 17: 5, 18: DAY}
    kept = [[signed_lease(bounds | {5: licence}), [ITEMS[number]]] for number, licence in enumerate(licences)]
    value = request("return-request", {12: kept})
    encoded = cbor(value)
    R = request_hash(encoded, "return-request")
    shares = [[[bytes([number]) * 260] * (2 if number == 1 else 1)] for number in range(2)]

    def new(number, changes=None, wrapped=None):
        parameters, context = ITEMS[number]
        items = [[parameters[33:49], context, sha256(cbor(shares[number][0]))]]
        own = {2: fixed_bytes("kept", f"lease {number}", 16), 5: licences[number]}
        return [LEASE_KEY.sign1("lease", cbor(lease(R, items, bounds | own | (changes or {})))), wrapped or shares[number]]

    def case(name, expect, text, changes=None, leases=None, listed=None, signer=LEASE_KEY, purpose="receipt", epoch=1):
        leases = [new(0), new(1)] if leases is None else leases
        data = cbor([signer.sign1(purpose, cbor(receipt({2: R} | (changes or {})))), leases, listed])
        ids = [each and fixed_bytes("kept", f"lease {number}", 16) for number, each in enumerate(leases)]
        return MessageVector(f"return-{name}", "return", expect, "9.3", text, data, {"leases": ids}, service="service-good", publisher="acme.pub",
                             request=encoded, ended=receipt()[5], kept=licences, level=1, server_epoch=epoch, revocations=signed_list())

    yield case("good", "valid", "two leases are kept")
    yield case("one-over", "valid", "of two kept leases, the first gets no new one", leases=[None, new(1)])
    yield case("with-list", "valid", "with a newer revocation list", leases=[new(0, {19: 4}), None], listed=signed_list({2: 4}))
    yield case("signed-by-another", "signature", "signed with the key of another service", signer=OTHER_LEASE_KEY)
    yield case("as-lease", "signature", "signed for the purpose of a lease", purpose="lease")
    for name, text, changes in (("service", "another service", {1: bytes(32)}), ("request", "another request", {2: bytes(32)}), ("device", "another device", {3: bytes(32)}),
                                ("licence", "another licence", {4: bytes(16)}), ("lease", "another lease", {5: bytes(16)})):
        yield case(f"{name}-wrong", "request", text, changes)
    yield case("epoch-lower", "older", "the service's epoch is lower than a stored one", epoch=2)
    yield case("lease-missing", "items", "the answer has one of two kept leases", leases=[new(0)])
    yield case("leases-swapped", "request", "the kept leases changed places", leases=[new(1), new(0)])
    yield case("kept-of-request-wrong", "request", "a kept lease answers another request", leases=[new(0, {3: bytes(32)}), None])
    yield case("kept-level-wrong", "request", "a kept lease is of level 0", leases=[new(0, {6: 0, 17: 0, 18: 0}), None])
    yield case("kept-shares-wrong", "shares", "the shares of a kept lease are others", leases=[new(0, wrapped=[[bytes(260) + b"x"]]), None])
    yield case("kept-list-missing", "revocations", "a kept lease has a newer list's number, and the list is missing", leases=[new(0, {19: 4}), None])


def errors():
    def problem(changes=None):
        return changed({0: "seats-full", 1: "all 3 seats are taken", 2: None, 3: NOW + DAY, 4: None}, changes)

    def case(name, expect, text, changes=None, **fields):
        return MessageVector(f"problem-{name}", "problem", expect, "13", text, cbor(problem(changes)), {"code": "seats-full", "status": 403} | fields)

    yield case("good", "valid", "no seat is free until a time")
    yield case("rate", "valid", "with a number of seconds", {0: "rate", 2: 30, 3: None}, code="rate", status=429)
    yield case("unknown-code", "malformed", "a code that is not defined", {0: "no"})
    yield case("detail-257", "malformed", "257 bytes of detail", {1: "a" * 257})
    yield case("address-257", "malformed", "an address of 257 bytes", {4: "a" * 257})
    yield from encodings("problem-map", "problem", "13", problem(), lambda data: data)
