/** On phones that lay their keyboard over the page (iOS): the part of the window one can see, for the style sheet. */

/** Keeps `--visible` on the document while listening. @param {AbortSignal} signal */
export function followKeyboard(signal) {
  const viewport = window.visualViewport;
  if (!viewport || !window.matchMedia("(pointer: coarse)").matches) return;
  const follow = () => {
    if (viewport.scale > 1.01) return; // zoomed by the person, which is theirs to do
    document.documentElement.style.setProperty("--visible", `${viewport.height}px`);
    if (viewport.offsetTop > 0) window.scrollTo(0, 0);
  };
  viewport.addEventListener("resize", follow, { signal });
  follow();
}
