/** Markup that is fetched when it is needed. */

/**
 * Puts what stands in this file at the end of the page. The browser reads it as a document of its own, in which no
 * script runs, so no text is ever turned into elements here.
 * @param {string} url
 */
export async function appendMarkup(url) {
  const { body, head } = await fetchDocument(url);
  const nodes = [...head.childNodes, ...body.childNodes];
  document.body.append(...nodes.map((node) => document.importNode(node, true)));
}

/** @param {string} url @returns {Promise<Document>} */
function fetchDocument(url) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = () => reject(new Error(`${url} could not be fetched`));
    request.open("GET", url);
    request.responseType = "document";
    request.addEventListener("load", () =>
      request.status === 200 && request.response ? resolve(request.response) : fail(),
    );
    request.addEventListener("error", fail);
    request.send();
  });
}
