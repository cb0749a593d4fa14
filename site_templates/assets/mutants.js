/* Hands the mutants of a page (window.orchestratorMutants, from the file beside it) to the component of mutation-test-elements.js. */
(() => {
  "use strict";
  /* The component writes the widths of its bars as style attributes, which the page's policy forbids; the same through the object model is allowed. */
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style" && this.style) this.style.cssText = value;
    else set.call(this, name, value);
  };

  /* Its green cannot be read on its dark ground: the pages' own takes its place, in every part of the component. */
  const green = new CSSStyleSheet();
  green.replaceSync(".text-green-700 { color: var(--good); } .text-red-700 { color: var(--bad); } .text-yellow-700, .text-yellow-600 { color: var(--wait); }");
  const sheets = Object.getOwnPropertyDescriptor(ShadowRoot.prototype, "adoptedStyleSheets");
  Object.defineProperty(ShadowRoot.prototype, "adoptedStyleSheets", {
    get: sheets.get,
    set(value) {
      sheets.set.call(this, [...value, green]);
    },
    configurable: true,
  });

  const shown = document.querySelector("mutation-test-report-app");
  if (!shown || !window.orchestratorMutants) return;
  const scheme = () => {
    const theme = document.body.dataset.mdColorScheme === "slate" ? "dark" : "light";
    if (shown.theme !== theme) shown.theme = theme;
  };
  customElements.whenDefined("mutation-test-report-app").then(() => {
    shown.report = window.orchestratorMutants;
    scheme();
    new MutationObserver(scheme).observe(document.body, { attributes: true, attributeFilter: ["data-md-color-scheme"] });
  });
})();
