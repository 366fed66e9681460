//! The exported interface, one line for each thing in it, in an order of its own: what a review reads.

use anyhow::{Context, Result};
use camino::Utf8Path;
use uniffi_bindgen::interface::{Argument, AsType, Callable, Enum, Field, Object, ObjectImpl, Record, Type};
use uniffi_bindgen::{BindgenLoader, BindgenPaths, ComponentInterface, GlobalConfig};

/// The interface that a built library says it has.
pub(crate) fn of(library: &Utf8Path) -> Result<String> {
    let loader = BindgenLoader::new(BindgenPaths::default(), GlobalConfig::default());
    let found = loader.load_cis(loader.load_metadata(library)?)?;
    let interface =
        found.iter().find(|interface| interface.crate_name() == "afterword_ffi").context("no interface of ours")?;
    let mut blocks = blocks(interface);
    blocks.sort();
    Ok(blocks.join("\n"))
}

fn blocks(interface: &ComponentInterface) -> Vec<String> {
    let functions = interface.function_definitions().iter().map(|function| signature("", function.name(), function));
    let objects = interface.object_definitions().iter().map(object);
    let records = interface.record_definitions().iter().map(record);
    let enums = interface.enum_definitions().iter().map(|one| enumeration(one, interface));
    functions.chain(objects).chain(records).chain(enums).collect()
}

fn object(object: &Object) -> String {
    let what = match object.imp() {
        ObjectImpl::Struct => "object",
        ObjectImpl::Trait(_) if object.has_callback_interface() => "foreign trait",
        ObjectImpl::Trait(_) => "trait",
    };
    let constructors = object
        .constructors()
        .into_iter()
        .map(|constructor| signature("  constructor ", constructor.name(), constructor));
    let methods = object.methods().into_iter().map(|method| signature("  ", method.name(), method));
    block(what, object.name(), constructors.chain(methods))
}

fn record(record: &Record) -> String {
    block("record", record.name(), record.fields().iter().map(|one| format!("  {}\n", field(one))))
}

fn enumeration(one: &Enum, interface: &ComponentInterface) -> String {
    let what = if interface.is_name_used_as_error(one.name()) { "error" } else { "enum" };
    let variants = one.variants().iter().map(|variant| {
        let fields: Vec<String> = variant.fields().iter().map(field).collect();
        let fields = if fields.is_empty() { String::new() } else { format!(" {{ {} }}", fields.join(", ")) };
        format!("  {}{fields}\n", variant.name())
    });
    block(what, one.name(), variants)
}

fn block(what: &str, name: &str, lines: impl Iterator<Item = String>) -> String {
    format!("{what} {name}\n{}", lines.collect::<String>())
}

fn field(field: &Field) -> String {
    let default = if field.default_value().is_some() { " = default" } else { "" };
    format!("{}: {}{default}", field.name(), type_name(&field.as_type()))
}

fn signature(lead: &str, name: &str, callable: &impl Callable) -> String {
    let argument = |one: &&Argument| format!("{}: {}", one.name(), type_name(&one.as_type()));
    let arguments: Vec<String> = callable.arguments().iter().map(argument).collect();
    let returns = callable.return_type().map(|returned| format!(" -> {}", type_name(returned))).unwrap_or_default();
    let throws = callable.throws_type().map(|thrown| format!(" throws {}", type_name(thrown))).unwrap_or_default();
    let wait = if callable.is_async() { "async " } else { "" };
    let lead = if lead.is_empty() { "function " } else { lead };
    format!("{lead}{wait}{name}({}){returns}{throws}\n", arguments.join(", "))
}

fn type_name(one: &Type) -> String {
    match one {
        Type::Object { name, .. }
        | Type::Record { name, .. }
        | Type::Enum { name, .. }
        | Type::CallbackInterface { name, .. } => name.clone(),
        Type::Optional { inner_type } => format!("{}?", type_name(inner_type)),
        Type::Sequence { inner_type } => format!("[{}]", type_name(inner_type)),
        Type::Map { key_type, value_type } => format!("[{}: {}]", type_name(key_type), type_name(value_type)),
        plain => format!("{plain:?}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use camino::Utf8PathBuf;

    use super::*;

    /// The library that cargo built for these tests, beside them.
    pub(crate) fn library() -> Utf8PathBuf {
        let program = Utf8PathBuf::from_path_buf(std::env::current_exe().unwrap()).unwrap();
        let name = format!("{}afterword_ffi{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        program.parent().unwrap().join(name)
    }

    /// A change of the interface changes what every app is built on. If it was meant, write the new listing down:
    /// `cargo run --release -p afterword-bindgen -- listing LIBRARY > ffi/golden/interface.txt`.
    #[test]
    fn the_interface_is_the_one_that_is_kept() {
        let now = of(&library()).unwrap();
        assert!(now == include_str!("../../golden/interface.txt"), "the exported interface is another:\n{now}");
    }

    #[test]
    fn nothing_exported_can_only_trap() {
        // A Swift call that does not throw ends the app where Rust panics.
        let found = of(&library()).unwrap();
        // These make an empty object, and have nothing in them that could fail.
        let bare = ["new() -> Pairing", "new() -> Transfer", "of(engine: Engine) -> Trouble"];
        let calls = found.lines().filter(|line| line.contains('(') && !bare.iter().any(|bare| line.ends_with(bare)));
        let calls: Vec<&str> = calls.collect();
        assert!(calls.len() > 8 && calls.iter().all(|call| call.contains(" throws ")), "{calls:#?}");
    }
}
