"""The shop that ``order.yaml`` calls: stock, reservations, payments and shipments, kept in memory.

    python -m examples.shop [--port 8085]

A POST with an ``Idempotency-Key`` is carried out once: the same key gives the same answer again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

STOCK = {"book": (5, 12), "pen": (40, 2), "lamp": (0, 35)}
"""What there is in the beginning: pieces and price of each article."""

_LOOPBACK = "127.0.0.1"

Answer = tuple[int, dict[str, object]]


class Shop:
    """The shop's books; ``effects`` lists what was done, in order."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._stock = {sku: pieces for sku, (pieces, _) in STOCK.items()}
        self._answered: dict[str, tuple[bytes, Answer]] = {}
        self.effects: list[str] = []

    def application(self) -> web.Application:
        """The shop as a web application."""
        application = web.Application()
        application.router.add_get("/stock/{sku}", self._read_stock)
        for path, handler in (
            ("/reservations", self._reserve),
            ("/payments", self._pay),
            ("/shipments", self._ship),
        ):
            application.router.add_post(path, self._once(handler))
        return application

    async def _read_stock(self, request: web.Request) -> web.Response:
        sku = request.match_info["sku"]
        if sku not in self._stock:
            return web.json_response({"title": f"there is no {sku}"}, status=404)
        return web.json_response({"sku": sku, "available": self._stock[sku], "price": STOCK[sku][1]})

    def _once(
        self, handler: Callable[[dict[str, object]], Answer]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A handler that carries out each key once, whatever it is asked again."""

        async def handle(request: web.Request) -> web.Response:
            body = await request.read()
            key = request.headers.get("Idempotency-Key")
            asked = request.path.encode() + b"\n" + body
            # Nothing is awaited from here on, so two requests with one key cannot come between each other.
            if key is not None and key in self._answered:
                before, (status, answer) = self._answered[key]
                if before != asked:
                    return web.json_response({"title": "this key was used for something else"}, status=422)
                return web.json_response(answer, status=status)
            try:
                status, answer = handler(json.loads(body))
            except (KeyError, TypeError, ValueError) as error:
                return web.json_response({"title": f"not understood: {error!r}"}, status=400)
            if key is not None:
                self._answered[key] = asked, (status, answer)
            return web.json_response(answer, status=status)

        return handle

    def _reserve(self, order: dict[str, object]) -> Answer:
        sku, quantity = str(order["sku"]), int(str(order["quantity"]))
        if quantity < 1:
            raise ValueError(f"{quantity} of {sku}")
        if self._stock.get(sku, 0) < quantity:
            return 409, {"title": f"there are not {quantity} of {sku}"}
        self._stock[sku] -= quantity
        id_ = self._do(f"reserved {quantity} of {sku}")
        return 201, {"id": id_, "sku": sku, "quantity": quantity, "price": STOCK[sku][1]}

    def _pay(self, payment: dict[str, object]) -> Answer:
        id_ = self._do(f"charged {payment['customer']} {payment['amount']}")
        return 201, {"id": id_, "amount": payment["amount"]}

    def _ship(self, shipment: dict[str, object]) -> Answer:
        id_ = self._do(f"shipped {shipment['reservations']} to {shipment['customer']}")
        return 201, {"id": id_, "tracking": f"T{id_:06}"}

    def _do(self, effect: str) -> int:
        self.effects.append(effect)
        self._tell(effect)
        return len(self.effects)


def _tell(effect: str) -> None:
    print(effect, flush=True)  # noqa: T201  (the shop's effects are what one runs it to see)


def main() -> None:
    """Serves on loopback until it is told to stop (Ctrl-C, or SIGTERM)."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.shop", description="The shop of examples/order.yaml"
    )
    parser.add_argument("--port", type=int, default=8085)
    port: int = parser.parse_args().port
    _tell(f"the shop is open at http://{_LOOPBACK}:{port}")
    web.run_app(Shop(_tell).application(), host=_LOOPBACK, port=port, print=None, access_log=None)


if __name__ == "__main__":
    main()
