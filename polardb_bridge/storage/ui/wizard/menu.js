// Label Studio's own menus lead to our pages, too: base.html says to which ones.

const OUR_PAGES = document.currentScript.dataset;

// After an entry that Label Studio has: our own, and where it leads.
const OUR_ENTRIES = [
  { after: (props) => props.to === "/organization", label: "Deployments", href: OUR_PAGES.deployments },
  { after: (props) => props.label === "Account & Settings", label: "Change Password", href: OUR_PAGES.password },
].filter(({ href }) => href);

// The properties of a menu with our entry in it; nothing for what is no such menu, or has it already.
function withOurEntry(props) {
  if (!Array.isArray(props.children)) return null;
  for (const { after, label, href } of OUR_ENTRIES) {
    const at = props.children.findIndex((child) => child?.props && after(child.props));
    if (at < 0 || props.children.some((child) => child?.props?.href === href)) continue;
    const { to, ...like } = props.children[at].props;
    const entry = jsx(props.children[at].type, { ...like, label, href, "data-external": true }, `polardb-${label}`);
    return { ...props, children: props.children.toSpliced(at + 1, 0, entry) };
  }
  return null;
}
