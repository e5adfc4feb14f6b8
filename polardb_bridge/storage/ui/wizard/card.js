// The card of a storage on the Cloud Storage page.

// Rows of Label Studio's that say nothing true of a table: ours stand in their place.
const REPLACED = { import: ["Tasks", "Last Sync"], export: ["Status", "Annotations", "Last Sync"] };

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
  const replaced = REPLACED[direction].map(wordFor);
  const rows = direction === "export" ? targetRows(storage) : sourceRows(storage);
  const ours = [...addressRows(storage), ...rows].map(([term, content, help]) => h(Item, { key: term, term, help }, content));
  return {
    ...props,
    children: props.children.flatMap((child) => {
      if (child === picker) return ours;
      return replaced.includes(child?.props?.term) ? [] : [child];
    }),
  };
}

function addressRows(storage) {
  return [
    [t("Table"), `${storage.database}.${storage.table}`],
    [t("Host"), `${storage.host}:${storage.port}`],
  ];
}

function sourceRows(storage) {
  const failed = storage.meta?.tasks_failed_validation ?? 0;
  const added = storage.last_sync_count ?? 0;
  const reasons = (storage.traceback ?? "").split("\n").filter(Boolean);
  const rows = [
    [t("Image delivery"), choiceName("image_delivery", storage.delivery_in_use || storage.image_delivery)],
    [t("Rows synced"), t("{count} ({new} new)", { count: (storage.meta?.tasks_existed ?? 0) + added, new: added })],
  ];
  rows.push([t("Last Sync"), storage.last_sync ? new Date(storage.last_sync).toLocaleString(LANGUAGE) : t("Not synced yet")]);
  if (storage.delivery_in_use === "link") rows.push([t("Images"), h(Images, { storage }), t("A sync by link reads no images: “Verify images” looks at each one.")]);
  if (storage.notes?.length) rows.push([t("Labels"), storage.notes.join(" ")]);
  if (storage.dismissed) rows.push([t("Dismissed"), h(Dismissed, { storage }), t("Rows whose tasks were deleted by hand: no sync makes tasks of them.")]);
  if (storage.status === "failed") rows.push([t("Problem"), h(StorageProblem, { text: reasons[0] })]);
  if (storage.status === "completed_with_errors") rows.push([t("Rows failed"), h(Reasons, { count: failed, reasons })]);
  if (storage.has_target === false) rows.push([t("Results"), h(NoTarget, { storage })]);
  return rows;
}

function targetRows({ writeback }) {
  const { pending, failed, problems, last_written_at: written, error, retry_at: retry } = writeback;
  const waiting = failed || !problems.length ? String(pending) : h(Reasons, { count: pending, reasons: problems });
  const rows = [
    [t("Last written"), written ? new Date(written).toLocaleString(LANGUAGE) : t("Nothing yet")],
    [t("Pending"), pending === null ? t("Results go nowhere") : waiting, t("Tasks whose annotations are still to be written into their rows.")],
    [t("Failed"), failed ? h(Reasons, { count: failed, reasons: problems }) : "0", t("Tasks whose annotations could not be written.")],
  ];
  if (error) {
    const next = retry ? ` ${t("Next attempt: {time}.", { time: new Date(retry).toLocaleTimeString(LANGUAGE) })}` : "";
    rows.push([t("Problem"), h(StorageProblem, { text: error.replace(/\.?$/, ".") + next })]);
  }
  return rows;
}

// Nothing writes what people label into the source's table: a warning, and the way to mend it.
function NoTarget({ storage }) {
  const [isAsking, ask] = React.useState(false);
  const [refusal, refuse] = React.useState("");
  const add = async () => {
    ask(true);
    refuse("");
    // If it went well, the card is read again, and has no such row.
    const answer = await post(apiPath("import", `${storage.id}/target`)).catch(({ message }) => ({ message }));
    if (!answer.ok) refuse(answer.message ?? (await reasonOf(answer)));
    ask(false);
  };
  return h(
    "div",
    { className: "polardb-wide polardb-warning" },
    h("p", null, t("Results stay in Label Studio: this project has no target that writes them into the table.")),
    h("button", { type: "button", className: "polardb-link", disabled: isAsking, onClick: add }, t("Write results back to this table")),
    h("p", { role: "alert", className: "polardb-negative" }, refusal),
  );
}

function Dismissed({ storage }) {
  const bringBack = (event) => {
    event.currentTarget.disabled = true;
    return post(apiPath("import", `${storage.id}/bring-back`));
  };
  const rows = counted(storage.dismissed, t("1 row dismissed"), t("{count} rows dismissed"));
  return h("span", null, `${rows} · `, h("button", { type: "button", className: "polardb-link", onClick: bringBack }, t("bring back")));
}

// What is known of the images that cannot be shown, and a button that looks at all of them.
function Images({ storage }) {
  const { unreadable, labeled, problems, verified_at: verified } = storage.images;
  const more = unreadable - problems.length;
  const reasons = more ? [...problems, t("… and {count} more", { count: more.toLocaleString(LANGUAGE) })] : problems;
  const count = labeled ? t("{count} cannot be shown, {labeled} labeled", { count: unreadable, labeled }) : t("{count} cannot be shown", { count: unreadable });
  const found = unreadable ? h(Reasons, { count, reasons }) : verified ? `${t("All can be shown")} · ` : "";
  return h(
    "span",
    { className: "polardb-wide" },
    found,
    verified ? `${t("verified {time}", { time: new Date(verified).toLocaleString(LANGUAGE) })} · ` : `${t("not verified")} · `,
    h("button", { type: "button", className: "polardb-link", onClick: (event) => verify(storage, event.currentTarget) }, t("Verify images")),
    " ",
    h("span", { role: "status" }),
  );
}

// The server looks for some seconds at a time, and goes on where it was: also after a reload.
async function verify(storage, button) {
  const status = button.parentElement.querySelector("[role=status]");
  button.disabled = true;
  status.textContent = t("Verifying…");
  try {
    for (let done = false; !done; ) {
      const answer = await post(apiPath("import", `${storage.id}/verify`));
      if (!answer.ok) throw new Error(await reasonOf(answer));
      const { checked, total, complete } = await answer.json();
      const count = (number) => number.toLocaleString(LANGUAGE);
      status.textContent = t("{checked} of {total} images verified", { checked: count(checked), total: count(total) });
      done = complete;
    }
    refreshCards();
  } catch (error) {
    status.textContent = `${error.message.replace(/\.?$/, ".")} ${t("Press again to go on.")}`;
  }
  button.disabled = false;
}

function StorageProblem({ text }) {
  return h("span", { className: "polardb-negative polardb-wide" }, text);
}

function Reasons({ count, reasons }) {
  return h(
    "details",
    { className: "polardb-reasons" },
    h("summary", { className: "polardb-negative" }, t("{count} (show why)", { count })),
    h("ul", null, ...reasons.map((reason, index) => h("li", { key: index }, reason))),
  );
}
