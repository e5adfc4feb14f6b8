// React elements, created with the factory that Label Studio's own bundle uses.

const TYPE = "polardb";

// Two modules of React. Their numbers in the bundle change with each release; what they export does not. Webpack passes
// its `require` to whoever adds a chunk.
function findReact() {
  const found = {};
  self.webpackChunklabelstudio ??= [];
  self.webpackChunklabelstudio.push([
    ["polardb-bridge"],
    {},
    (require) => {
      const exporting = (isIt) => {
        const id = Object.keys(require.m).find((id) => isIt(Function.prototype.toString.call(require.m[id])));
        return id === undefined ? undefined : require(id);
      };
      found.runtime = exporting((source) => source.length < 4000 && /\.jsx\s*=/.test(source) && /\.jsxs\s*=/.test(source));
      found.hooks = exporting((source) => /\.useState\s*=\s*function/.test(source) && /\.useSyncExternalStore\s*=\s*function/.test(source));
    },
  ]);
  const isComplete = [found.runtime?.jsx, found.runtime?.jsxs, found.hooks?.useState, found.hooks?.useEffect].every((part) => typeof part === "function");
  return isComplete ? found : {};
}

const { runtime: jsxRuntime, hooks: React } = findReact();
// Kept, because start.js puts others in their place.
const { jsx, jsxs } = jsxRuntime ?? {};

// h("p", { className: "…" }, "text", …)
function h(type, props, ...children) {
  if (children.length === 0) return jsx(type, props ?? {});
  return children.length === 1
    ? jsx(type, { ...props, children: children[0] })
    : jsxs(type, { ...props, children });
}

// A copy of a tree of elements in which `change(props)` may give any element other properties.
function withChangedProps(node, change) {
  if (Array.isArray(node)) return node.map((child) => withChangedProps(child, change));
  if (!node?.props) return node;
  const props = change(node.props) ?? node.props;
  return { ...node, props: { ...props, children: withChangedProps(props.children, change) } };
}

// A component of ours around one of Label Studio's; the same one at every call: React would take another one for a new
// part of the page, and its inputs would lose the focus.
function around(make) {
  const made = new Map();
  return (LabelStudios) => {
    if (!made.has(LabelStudios)) made.set(LabelStudios, make(LabelStudios));
    return made.get(LabelStudios);
  };
}
