// React elements, created with the factory that Label Studio's own bundle uses.

const TYPE = "polardb";

// React's jsx-runtime module. Its number in the bundle changes with each release; what it exports does not. Webpack
// passes its `require` to whoever adds a chunk.
function findJsxRuntime() {
  let runtime = null;
  self.webpackChunklabelstudio ??= [];
  self.webpackChunklabelstudio.push([
    ["polardb-bridge"],
    {},
    (require) => {
      const id = Object.keys(require.m).find((id) => {
        const source = Function.prototype.toString.call(require.m[id]);
        return source.length < 4000 && /\.jsx\s*=/.test(source) && /\.jsxs\s*=/.test(source);
      });
      if (id !== undefined) runtime = require(id);
    },
  ]);
  return typeof runtime?.jsx === "function" && typeof runtime.jsxs === "function" ? runtime : null;
}

const jsxRuntime = findJsxRuntime();
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
