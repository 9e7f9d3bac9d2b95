// What each widget of an operation sends to the page. The component itself, and its style, are traits of one more
// widget that the kernel has only once: so that they travel once. A page takes each version of them in once.
const versions = (globalThis[Symbol.for("progress-kit.widget")] ??= new Map());

function modules(model) {
  const version = model.get("_version");
  if (!versions.has(version)) {
    versions.set(version, load(model));
  }
  return versions.get(version);
}

async function load(model) {
  const runtime = await model.widget_manager.get_model(model.get("_runtime"));
  const url = URL.createObjectURL(new Blob([runtime.get("source")], { type: "text/javascript" }));
  try {
    const module = await import(url);
    module.start(runtime.get("style"));
    return module;
  } finally {
    URL.revokeObjectURL(url);
  }
}

// Where the page forbids such modules, or the package came without them, the text that the kernel made is shown. All
// that is not its own is escaped in it.
function fallback({ model, el }) {
  const show = () => {
    el.innerHTML = model.get("_told").html;
  };
  show();
  model.on("change:_told", show);
  return () => model.off("change:_told", show);
}

async function withModule(model, use, otherwise) {
  let module;
  try {
    module = await modules(model);
  } catch (error) {
    console.warn("progress-kit: the widget is shown as text", error);
    return otherwise();
  }
  return use(module);
}

export default {
  initialize: (context) =>
    withModule(
      context.model,
      (module) => module.initialize(context),
      () => undefined,
    ),
  render: (context) =>
    withModule(
      context.model,
      (module) => module.render(context),
      () => fallback(context),
    ),
};
