"""What tests and operators ask of the sandbox PayPal: PayPal has nothing like it."""

import json
from collections.abc import Callable

from sandbox.paypal import disputes, orders, params, payments
from sandbox.paypal.answers import Answer, Refused
from sandbox.paypal.call import Call


class Operator(Call):
    """A call that needs no token."""

    def prepare(self) -> None:
        """Everybody may ask."""

    def given(self, model: type[params.P]) -> params.P:
        return params.check(model, params.decode(self.request.body))

    def change(self, work: Callable[[], Answer]) -> None:
        try:
            with self.state.ledger.transaction():
                answer = work()
        except Refused as refused:
            answer = refused.answer
        self.reply(answer)


class Book(Operator):
    def get(self) -> None:
        done = self.state.ledger.operations()
        self.set_header("Content-Type", "application/json")
        book = [payments.entry(order, done.get(order["id"], [])) for order in self.state.ledger.orders()]
        self.finish(json.dumps(book))


class Age(Operator):
    def post(self, identifier: str) -> None:
        self.change(lambda: orders.age(self.state.ledger, identifier, self.given(params.Age).hours))


class Dispute(Operator):
    def post(self, identifier: str) -> None:
        self.change(
            lambda: Answer(200, disputes.dispute(self.state.ledger, identifier, self.given(params.Dispute).outcome))
        )


class RefundEnd(Operator):
    def post(self, identifier: str) -> None:
        self.change(lambda: payments.end_refund(self.state.ledger, identifier, self.given(params.RefundEnd).status))


class Tokens(Operator):
    def delete(self) -> None:
        self.state.ledger.expire_tokens()
        self.reply(Answer(204, None))


class Health(Operator):
    def get(self) -> None:
        self.reply(Answer(200, {"status": "ok"}))
