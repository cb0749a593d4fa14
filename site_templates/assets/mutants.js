/* Hands the mutants of a page (window.orchestratorMutants, from the file beside it) to the component of mutation-test-elements.js. */
(() => {
  "use strict";
  /* The component writes the widths of its bars as style attributes, which the page's policy forbids; the same through the object model is allowed. */
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style" && this.style) this.style.cssText = value;
    else set.call(this, name, value);
  };

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
