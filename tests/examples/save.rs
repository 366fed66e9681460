use afterword_core::document::TextField;
use afterword_core::engine::Engine;
use afterword_core::journal::{Kind, NewEntry};
use afterword_core::store::vault::Unlock;
use afterword_tests::clock::environment;
use std::time::Instant;
fn main() {
    let n: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let pause: u64 = std::env::args().nth(2).map_or(0, |p| p.parse().unwrap());
    let folder = tempfile::tempdir_in("/work/main/target").unwrap();
    let (engine, _) =
        Engine::create(folder.path(), Unlock::Passphrase("opened by a test"), "a device", environment(1)).unwrap();
    let words: Vec<String> = (0..500).map(|i| format!("word{}", (i * 7919) % 3001)).collect();
    let id = engine
        .create_entry(NewEntry {
            kind: Kind::Note,
            title: "Title of it".into(),
            body: words[..50].join(" "),
            sections: vec![],
            happened: None,
        })
        .unwrap()
        .id;
    for k in 1..10 {
        engine
            .edit_entry(id, |e, entry, _| {
                e.set_text(TextField::Body, &entry.heads, &words[..50 * (k + 1)].join(" ")).unwrap();
                Ok(())
            })
            .unwrap();
    }
    let mut took = Vec::new();
    for k in 0..n {
        if pause > 0 {
            std::thread::sleep(std::time::Duration::from_millis(pause));
        }
        let t = Instant::now();
        engine
            .edit_entry(id, |e, entry, _| {
                let mut b = entry.body().to_owned();
                b.insert_str(10 + k % 200, "twenty-two characters ");
                e.set_text(TextField::Body, &entry.heads, &b).unwrap();
                Ok(())
            })
            .unwrap();
        took.push(t.elapsed().as_micros());
    }
    let first = took[..n.min(100)].to_vec();
    took.sort();
    let mut f = first;
    f.sort();
    println!(
        "edit p10 {} p50 {} p90 {} us; of the first 100 p50 {}",
        took[n / 10],
        took[n / 2],
        took[n * 9 / 10],
        f[f.len() / 2]
    );
    engine.close().unwrap();
}
