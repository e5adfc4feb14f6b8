// Requests to our server, and what is learned of those that Label Studio's own frontend makes.

// Of the storages that a project has: what may change them, and what only asks.
const OF_OURS = /\/api\/storages\/(?:export\/)?polardb(?:\/(?:\d+(?:\/(?:sync|target|bring-back))?)?)?\/?(?:\?|$)/;

function observed(fetchFromServer) {
  return async (...request) => {
    const answer = await fetchFromServer(...request);
    if (/\/api\/storages\/(export\/)?polardb\/validate\b/.test(answer.url)) await showWarnings(answer);
    const method = request[1]?.method ?? request[0]?.method ?? "GET";
    if (method.toUpperCase() !== "GET" && OF_OURS.test(answer.url)) refreshCards();
    return answer;
  };
}

function apiPath(target, rest) {
  return `${APP_SETTINGS.hostname}/api/storages/${target === "export" ? "export/" : ""}polardb/${rest}`;
}

// The address begins with the host of Label Studio; `options` are those of `fetch`.
function post(address, body, options) {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
  const headers = { "X-CSRFToken": token, ...(body && { "Content-Type": "application/json" }) };
  return fetch(address, { method: "POST", headers, body: body && JSON.stringify(body), ...options });
}

// Why the server refused, in its words if it has any.
async function reasonOf(answer) {
  const { validation_errors: errors, detail } = await answer.json().catch(() => ({}));
  return Object.values(errors ?? {}).flat()[0] ?? detail ?? `${answer.status} ${answer.statusText}`;
}
