// The card of a storage on the Cloud Storage page.

// Rows of Label Studio's that say nothing true of a table: ours stand in their place.
const REPLACED = { import: ["Tasks"], export: ["Status", "Annotations", "Last Sync"] };

// The properties of the card's description list with our rows in it, or undefined if it is not a list of ours.
// Label Studio gives the list a child that picks the rows of one type of storage.
function describeTable(props) {
  if (!Array.isArray(props.children)) return undefined;
  const picker = props.children.find((child) => child?.props?.value === TYPE && Array.isArray(child.props.children));
  const known = picker?.props.children.find((child) => child?.props?.case === "s3" || child?.props?.case?.includes?.("s3"));
  if (!known) return undefined;
  const { storage } = known.props;
  // The list's own kind of row, as the S3 storage uses it.
  const Item = known.type(known.props).type;
  const direction = "writeback" in storage ? "export" : "import";
  const rows = direction === "export" ? targetRows(storage) : sourceRows(storage);
  const ours = [...addressRows(storage), ...rows].map(([term, content, help]) => h(Item, { key: term, term, help }, content));
  return {
    ...props,
    children: props.children.flatMap((child) => {
      if (child === picker) return ours;
      return REPLACED[direction].includes(child?.props?.term) ? [] : [child];
    }),
  };
}

function addressRows(storage) {
  return [
    ["Table", `${storage.database}.${storage.table}`],
    ["Host", `${storage.host}:${storage.port}`],
  ];
}

function sourceRows(storage) {
  const failed = storage.meta?.tasks_failed_validation ?? 0;
  const synced = (storage.meta?.tasks_existed ?? 0) + (storage.last_sync_count ?? 0);
  const reasons = (storage.traceback ?? "").split("\n").filter(Boolean);
  const rows = [
    ["Image delivery", choiceName("image_delivery", storage.delivery_in_use || storage.image_delivery)],
    ["Rows synced", `${synced} (${storage.last_sync_count ?? 0} new)`],
  ];
  if (storage.delivery_in_use === "link") rows.push(["Images", h(Images, { storage }), "A sync by link reads no images: “Verify images” looks at each one."]);
  if (storage.notes?.length) rows.push(["Labels", storage.notes.join(" ")]);
  if (storage.dismissed) rows.push(["Dismissed", h(Dismissed, { storage }), "Rows whose tasks were deleted by hand: no sync makes tasks of them."]);
  if (storage.status === "failed") rows.push(["Problem", h(StorageProblem, { text: reasons[0] })]);
  if (storage.status === "completed_with_errors") rows.push(["Rows failed", h(Reasons, { count: failed, reasons })]);
  return rows;
}

function targetRows({ writeback }) {
  const { pending, failed, problems, last_written_at: written, error, retry_at: retry } = writeback;
  const rows = [
    ["Last written", written ? new Date(written).toLocaleString() : "Nothing yet"],
    ["Pending", pending === null ? "Results go nowhere" : failed || !problems.length ? String(pending) : h(Reasons, { count: pending, reasons: problems }), "Tasks whose annotations are still to be written into their rows."],
    ["Failed", failed ? h(Reasons, { count: failed, reasons: problems }) : "0", "Tasks whose annotations could not be written."],
  ];
  if (error) {
    const next = retry ? ` Next attempt: ${new Date(retry).toLocaleTimeString()}.` : "";
    rows.push(["Problem", h(StorageProblem, { text: error.replace(/\.?$/, ".") + next })]);
  }
  return rows;
}

function Dismissed({ storage }) {
  const bringBack = async (event) => {
    event.currentTarget.disabled = true;
    await post(`/api/storages/polardb/${storage.id}/bring-back`);
    location.reload();
  };
  const rows = storage.dismissed === 1 ? "1 row dismissed" : `${storage.dismissed} rows dismissed`;
  return h("span", null, `${rows} · `, h("button", { type: "button", className: "polardb-link", onClick: bringBack }, "bring back"));
}

// What is known of the images that cannot be shown, and a button that looks at all of them.
function Images({ storage }) {
  const { unreadable, labeled, problems, verified_at: verified } = storage.images;
  const more = unreadable - problems.length;
  const reasons = more ? [...problems, `… and ${more.toLocaleString("en")} more`] : problems;
  const text = labeled ? `${unreadable} cannot be shown, ${labeled} labeled` : `${unreadable} cannot be shown`;
  const found = unreadable ? h(Reasons, { count: text, reasons }) : verified ? "All can be shown · " : "";
  return h(
    "span",
    { className: "polardb-wide" },
    found,
    verified ? `verified ${new Date(verified).toLocaleString()} · ` : "not verified · ",
    h("button", { type: "button", className: "polardb-link", onClick: (event) => verify(storage, event.currentTarget) }, "Verify images"),
    " ",
    h("span", { role: "status" }),
  );
}

// The server looks for some seconds at a time, and goes on where it was: also after a reload.
async function verify(storage, button) {
  const status = button.parentElement.querySelector("[role=status]");
  button.disabled = true;
  status.textContent = "Verifying…";
  try {
    for (let done = false; !done; ) {
      const answer = await post(`/api/storages/polardb/${storage.id}/verify`);
      if (!answer.ok) throw new Error(await reasonOf(answer));
      const report = await answer.json();
      status.textContent = `${report.checked.toLocaleString("en")} of ${counted(report.total, "image")} verified`;
      done = report.complete;
    }
    location.reload();
  } catch (error) {
    status.textContent = `${error.message.replace(/\.?$/, ".")} Press again to go on.`;
    button.disabled = false;
  }
}

// Why the server refused, in its words if it has any.
async function reasonOf(answer) {
  const { validation_errors: errors, detail } = await answer.json().catch(() => ({}));
  return Object.values(errors ?? {}).flat()[0] ?? detail ?? `${answer.status} ${answer.statusText}`;
}

function post(path) {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
  return fetch(`${APP_SETTINGS.hostname}${path}`, { method: "POST", headers: { "X-CSRFToken": token } });
}

function StorageProblem({ text }) {
  return h("span", { className: "polardb-negative polardb-wide" }, text);
}

function Reasons({ count, reasons }) {
  return h(
    "details",
    { className: "polardb-reasons" },
    h("summary", { className: "polardb-negative" }, `${count} (show why)`),
    h("ul", null, ...reasons.map((reason, index) => h("li", { key: index }, reason))),
  );
}
