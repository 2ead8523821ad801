// The card form of the checkout: Stripe's Payment Element. The card stays in Stripe's frame; the shop gets the name of
// the payment method that it became. docs.stripe.com/payments/finalize-payments-on-the-server
(() => {
  "use strict";

  const SCRIPT = "https://js.stripe.com/clover/stripe.js";  // may be loaded from there only
  const box = document.getElementById("card-payment");
  if (!box) return;
  const form = box.closest("form");
  const radio = box.querySelector("[name=payment]");
  const method = form.elements.payment_method;
  const [state, fault, place] = ["card-state", "card-fault", "card-form"].map((id) => document.getElementById(id));
  let stripe, elements, busy = false;

  function say(element, text) {
    element.textContent = text;
    element.hidden = !text;
  }

  function setBusy(is) {
    busy = is;
    for (const button of form.querySelectorAll("button")) {
      if (is) button.setAttribute("aria-disabled", "true"); else button.removeAttribute("aria-disabled");
    }
  }

  function giveUp() {
    place.hidden = true;
    if (radio.checked) {
      radio.checked = false;
      const other = form.querySelector("[name=payment]:enabled:not([value=card])");
      if (other) other.checked = true;
    }
    radio.disabled = true;
    say(state, box.dataset.missing);
  }

  function start() {
    try {
      stripe = window.Stripe(box.dataset.key, {locale: document.documentElement.lang});
      elements = stripe.elements({
        mode: "payment", amount: Number(box.dataset.amount), currency: box.dataset.currency,
        paymentMethodCreation: "manual", paymentMethodTypes: ["card"], captureMethod: "manual",
        appearance: {theme: matchMedia("(prefers-color-scheme: dark)").matches ? "night" : "stripe"},
      });
      // Wallets open windows of other sites, which the policy of this page does not allow.
      const element = elements.create("payment", {wallets: {applePay: "never", googlePay: "never"}});
      element.on("ready", () => say(state, ""));
      element.on("loaderror", giveUp);
      radio.disabled = place.hidden = false;
      if (box.dataset.chosen) radio.checked = true;
      element.mount(place);
    } catch (error) {  // such as a key that Stripe does not know
      console.error(error);
      giveUp();
    }
  }

  async function readCard() {
    const {error: invalid} = await elements.submit();
    return invalid ? {error: invalid} : stripe.createPaymentMethod({elements});
  }

  form.addEventListener("submit", async (event) => {
    if (!radio.checked || method.value) return;
    event.preventDefault();
    event.stopPropagation();  // it is not sent yet
    if (busy) return;
    setBusy(true);
    say(fault, "");
    let made;
    try {
      made = await readCard();
    } catch (error) {
      console.error(error);
      made = {error: {}};
    }
    setBusy(false);
    if (made.error) return say(fault, made.error.message || box.dataset.failed);
    method.value = made.paymentMethod.id;
    form.requestSubmit();
  });
  // With "Back", the page may come from the browser's memory: a card is read again for each order.
  addEventListener("pageshow", () => { method.value = ""; });

  say(state, box.dataset.loading);
  const script = document.createElement("script");
  script.src = SCRIPT;
  script.onload = start;
  script.onerror = giveUp;
  document.head.append(script);
})();
