// Puts our parts where they belong, by the properties that the wizard's own parts carry.

const FALLBACK_KEY = "polardb-bridge-older-form";

// Label Studio's frontend asks for this name each time it opens a form; under another name it opens the older one.
function useOlderForm() {
  if (window.APP_SETTINGS) window.APP_SETTINGS.sentry_environment = "opensource-polardb";
}

// If the wizard is already open and cannot be filled: remember that, and start over with the older form.
function reloadWithOlderForm(error) {
  console.warn("PolarDB table: Label Studio's storage wizard cannot be extended, its older form is used.", error);
  sessionStorage.setItem(FALLBACK_KEY, "true");
  location.reload();
}

// The footer of the wizard that is being rendered, for its preview step: the wizard makes the step, then the footer.
let footer = null;

// The type, the properties and the key to make an element of, instead of those given.
function replace(type, props, key) {
  if (props.providers?.redis && props.storageTypes) {
    openForm = { storage: props.storage, target: props.target };
    addProvider(props.providers);
  } else if (props.fetchStorages && "storagesLoaded" in props) {
    readAgain[props.target ?? ""] = props.fetchStorages;
  } else if (props.storage?.type === TYPE && props.onEditStorage && props.onDeleteStorage) {
    return [followingCard(type), props, keyOfCard(props.storage)];
  } else if (fieldWithOffers(props)) {
    return [fieldWithOffers(props)(type), props, key];
  } else if (props.provider === TYPE && props.handleProviderFieldChange && typeof type === "function") {
    return [connectionStep(type), props, key];
  } else if (props.type === TYPE && props.onImportSettingsChange && "filesPreview" in props) {
    footer = {};
    return [PreviewStep, { ...props, footer }, key];
  } else if (props.loadPreview && props.testConnection && footer) {
    footer.loadPreview = props.loadPreview;
    footer = null;
  } else if (props.formData?.provider === TYPE && props.formatSize && "filesPreview" in props) {
    return [ReviewStep, props, key];
  } else {
    const changed = describeTable(props) ?? withOurEntry(props);
    if (changed) return [type, changed, key];
  }
  return [type, inReadersLanguage(props), key];
}

function addProvider(providers) {
  if (providers[TYPE]) return;
  try {
    providers[TYPE] = makeProvider(providers);
  } catch (error) {
    reloadWithOlderForm(error);
  }
}

function replacing(create) {
  return (type, props, key) => {
    if (props) {
      try {
        [type, props, key] = replace(type, props, key);
      } catch (error) {
        console.warn("PolarDB table:", error);
      }
    }
    return create(type, props, key);
  };
}

if (!jsxRuntime || sessionStorage.getItem(FALLBACK_KEY)) useOlderForm();

// With the older form too: the cards of the storages are the same.
if (jsxRuntime) {
  jsxRuntime.jsx = replacing(jsx);
  jsxRuntime.jsxs = replacing(jsxs);
  window.fetch = observed(window.fetch);
}
