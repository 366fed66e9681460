//! What an entry is read off, once its changes are applied: the values that stand, keys, texts.

use automerge::{ActorId, ChangeHash as AmHash, ObjId, ObjType, Value};

use super::super::schema::Source;
use super::history::{Held, History, NONE, Operation};

impl Source for History<'_> {
    fn values(&self, map: &ObjId, key: &str, _: Option<&[AmHash]>) -> Vec<(Value<'_>, ObjId)> {
        let Some(puts) = self.put(map).and_then(|map| self.maps.get(&(map, key))) else { return Vec::new() };
        let mut standing: Vec<u32> = puts.iter().copied().filter(|put| !self.puts[*put as usize].gone).collect();
        standing.sort_unstable_by_key(|put| self.puts[*put as usize].id);
        let value = |put: u32| {
            let id = ObjId::Id(u64::from(put), ActorId::from([0; 0]), 0);
            match &self.puts[put as usize].held {
                Held::Map => (Value::Object(ObjType::Map), id),
                Held::Text(_) => (Value::Object(ObjType::Text), id),
                Held::Scalar(scalar) => (Value::from(scalar.value()), id),
            }
        };
        standing.into_iter().map(value).collect()
    }

    fn keys_of(&self, map: &ObjId, _: Option<&[AmHash]>) -> Vec<String> {
        let Some(map) = self.put(map) else { return Vec::new() };
        let of_map = self.maps.range((map, "")..).take_while(|((of, _), _)| *of == map);
        let stands = |puts: &Vec<u32>| puts.iter().any(|put| !self.puts[*put as usize].gone);
        of_map.filter(|(_, puts)| stands(puts)).map(|((_, key), _)| (*key).to_owned()).collect()
    }

    fn text_of(&self, text: &ObjId, _: Option<&[AmHash]>) -> String {
        let put = self.put(text).and_then(|put| self.puts.get(put as usize));
        let Some(Held::Text(first)) = put.map(|put| &put.held) else { return String::new() };
        let mut at = *first;
        let (mut out, mut later) = (String::new(), Vec::new());
        loop {
            if let Some(Operation::Char { char, gone, first, next, .. }) = self.operations.get(at as usize) {
                if !gone {
                    out.push(*char);
                }
                // What hangs at it comes before what hangs beside it.
                if *next != NONE {
                    later.push(*next);
                }
                at = *first;
            } else {
                match later.pop() {
                    Some(next) => at = next,
                    None => return out,
                }
            }
        }
    }
}
