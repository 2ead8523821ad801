// Push notifications (Push API): this browser subscribes, and the form carries the subscription.
(() => {
  "use strict";
  const WORKER = "/account/push/worker.js";
  const SCOPE = "/account/push/";
  const form = document.querySelector("form[data-push]");
  if (!form) return;

  const say = (name) => {
    for (const said of document.querySelectorAll("[data-push-said]")) said.hidden = said.dataset.pushSaid !== name;
  };
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
    say("unknown");
    return;
  }

  const present = async () => {
    const registration = await navigator.serviceWorker.getRegistration(SCOPE);
    return registration ? registration.pushManager.getSubscription() : null;
  };

  const activated = (registration) => new Promise((resolve, reject) => {
    const worker = registration.installing || registration.waiting || registration.active;
    const look = () => {
      if (worker.state === "activated") resolve(registration);
      if (worker.state === "redundant") reject(new Error("The service worker could not be installed."));
    };
    worker.addEventListener("statechange", look);
    look();
  });

  const subscribe = async () => {
    const { pushManager } = await activated(await navigator.serviceWorker.register(WORKER, { scope: SCOPE }));
    const options = { userVisibleOnly: true, applicationServerKey: form.dataset.push };
    try {
      return await pushManager.subscribe(options);
    } catch (error) {
      // A subscription with another key, which the shop had before, is of no use.
      const old = error.name === "InvalidStateError" && await pushManager.getSubscription();
      if (!old) throw error;
      await old.unsubscribe();
      return pushManager.subscribe(options);
    }
  };

  const field = form.elements.subscription;
  const ask = async () => {
    const permission = await Notification.requestPermission();
    if (permission !== "granted") return say(permission === "denied" ? "denied" : "dismissed");
    try {
      field.value = JSON.stringify(await subscribe());
    } catch (error) {
      return say("failed");
    }
    form.requestSubmit();
  };
  form.addEventListener("submit", (event) => {
    if (field.value) return;
    event.preventDefault();
    event.stopPropagation(); // it was not sent yet
    say("");
    ask();
  });
  addEventListener("pageshow", () => { field.value = ""; });

  // Which of the browsers is this one: the page knows the subscriptions by their digests only.
  const mark = async () => {
    const subscription = await present();
    if (!subscription) return null;
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(subscription.endpoint));
    const digest = [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return document.querySelector(`[data-subscription="${digest}"]`);
  };
  const begin = async () => {
    const here = await mark();
    form.hidden = Boolean(here);
    if (!here) return say(Notification.permission === "denied" ? "denied" : "");
    here.querySelector("[data-push-here]").hidden = false;
    const remove = here.querySelector("form[data-push-remove]");
    remove.addEventListener("submit", (event) => {
      if (remove.dataset.unsubscribed) return;
      event.preventDefault();
      event.stopPropagation(); // it was not sent yet
      remove.dataset.unsubscribed = "yes";
      const send = () => remove.requestSubmit();
      present().then((subscription) => subscription && subscription.unsubscribe()).then(send, send);
    });
  };
  begin();
})();
