//! G1 to G12 in their own words, as rows.

use bench_common::Figure;

use crate::measured::{Measured, OURS};
use crate::table::{Cell, Goal, Row, Table, ratio};

/// The sizes that the goals speak of, where nothing has been run.
const SIZES: [u64; 4] = [100, 1_000, 10_000, 100_000];
/// Times of two sizes that are to be the same may differ by this.
const SAME: f64 = 1.2;

/// Every goal's table.
pub(crate) fn all(measured: &Measured) -> Vec<Table> {
    let mut sizes = measured.sizes();
    if sizes.is_empty() {
        sizes = SIZES.to_vec();
    }
    let book = Book { measured, sizes };
    vec![
        book.first_sync(),
        book.nothing_changed(),
        book.changed(),
        book.opening(),
        book.saving(),
        book.live(),
        book.live_bytes(),
        book.memory(),
        book.texts(),
        book.search(),
        book.files(),
        book.size(),
    ]
}

struct Book<'m> {
    measured: &'m Measured,
    sizes: Vec<u64>,
}

impl Book<'_> {
    fn ours(&self, entries: u64, name: &str) -> Cell {
        Cell::of(self.measured.get(OURS, entries, name))
    }

    fn peer(&self, program: &str, entries: u64, name: &str) -> Cell {
        Cell::of(self.measured.get(program, entries, name)).named(program)
    }

    /// A part's figure; `name` is how the row calls it.
    fn part(&self, entries: u64, figure: &str, name: &str) -> Cell {
        Cell::of(self.measured.near("parts", entries, figure)).named(name)
    }

    fn automerge(&self, entries: u64, figure: &str, name: &str) -> Cell {
        Cell::of(self.measured.near("automerge", entries, figure)).named(name)
    }

    /// Ours at the largest size through ours at the smallest of at least `from`: what must not grow.
    fn growth(&self, table: &mut Table, what: &str, figure: &str, from: u64, most: f64) {
        let sizes: Vec<u64> = self.sizes.iter().copied().filter(|size| *size >= from).collect();
        let (Some(few), Some(many)) = (sizes.first(), sizes.last()) else { return };
        if few == many {
            return;
        }
        let (small, large) = (self.ours(*few, figure), self.ours(*many, figure));
        let grown = ratio(&large, &small);
        let small = small.named(&format!("at {few}"));
        table.row(Row {
            what,
            entries: *many,
            ours: large,
            peer: small,
            floor: Cell::none(),
            judged: (grown, "x"),
            goal: Goal::AtMost(most, most),
        });
    }

    fn first_sync(&self) -> Table {
        let mut table = Table::new("G1 · first sync of an empty device");
        for n in &self.sizes {
            // The later of the two moments of each run.
            let both = self.measured.get(OURS, *n, "first_sync_durable").and_then(|durable| {
                let listed = self.measured.get(OURS, *n, "first_sync_listed")?;
                let later = durable.samples.iter().zip(&listed.samples).map(|(one, other)| one.max(*other));
                Ok(Figure { samples: later.collect(), ..durable.clone() })
            });
            let ours = Cell::of(both.as_ref().map_err(Clone::clone));
            let (samod, iroh) = (self.peer("samod", *n, "first_sync"), self.peer("iroh", *n, "first_sync"));
            let goal = match n {
                1_000 => Goal::AtLeast(30.0, 30.0),
                10_000 => Goal::AtLeast(500.0, 100.0),
                _ => Goal::None,
            };
            // With a hundred entries all of them measure how long connecting takes.
            let bulk = |most, least| if *n >= 1_000 { Goal::AtMost(most, least) } else { Goal::None };
            let faster = ratio(&samod, &ours);
            let row = |what, peer: Cell, judged, goal| Row {
                what,
                entries: *n,
                ours: ours.clone(),
                peer,
                floor: Cell::none(),
                judged: (judged, "x"),
                goal,
            };
            table.row(row("durable and listed, times faster than samod", samod, faster, goal));
            let to_iroh = ratio(&ours, &iroh);
            table.row(row("the same, through iroh-docs in memory", iroh, to_iroh, bulk(0.5, 1.0)));
            let rsync = self.peer("rsync", *n, "first_sync");
            let to_rsync = ratio(&ours, &rsync);
            table.row(row("the same, through rsync without fsync", rsync, to_rsync, bulk(0.8, 0.8)));
            let fsync = self.peer("rsync", *n, "first_sync_fsync");
            let to_fsync = ratio(&ours, &fsync);
            table.row(row("the same, through rsync with fsync", fsync, to_fsync, Goal::None));
            let only = |what, figure, unit, goal| {
                let ours = self.ours(*n, figure);
                let judged = (ours.value.clone(), unit);
                Row { what, entries: *n, ours, peer: Cell::none(), floor: Cell::none(), judged, goal }
            };
            table.row(only("durable", "first_sync_durable", "ms", Goal::None));
            table.row(only("newest 50 listed", "first_sync_listed", "ms", Goal::None));
            table.row(only("newest 200 searchable", "first_sync_searchable_200", "ms", Goal::AtMost(1_000.0, 1_000.0)));
            let derived = if *n == 10_000 { Goal::AtMost(20_000.0, 20_000.0) } else { Goal::None };
            table.row(only("all derived and searchable", "first_sync_derived", "ms", derived));
            let (all, samod) = (self.ours(*n, "first_sync_derived"), self.peer("samod", *n, "first_sync"));
            let judged = (ratio(&samod, &all), "x");
            let goal = if *n == 10_000 { Goal::AtLeast(20.0, 20.0) } else { Goal::None };
            table.row(Row {
                what: "all derived, times faster than samod",
                entries: *n,
                ours: all,
                peer: samod,
                floor: Cell::none(),
                judged,
                goal,
            });
            table.row(only(
                "documents opened by the session",
                "first_sync_documents_opened",
                "documents",
                Goal::AtMost(0.0, 0.0),
            ));
            let bytes = self.ours(*n, "first_sync_bytes");
            table.row(Row {
                what: "bytes on the wire",
                entries: *n,
                peer: self
                    .peer("samod", *n, "first_sync_bytes")
                    .beside(self.peer("iroh", *n, "first_sync_bytes"))
                    .beside(self.peer("rsync", *n, "first_sync_bytes")),
                floor: Cell::none(),
                judged: (bytes.value.clone(), "B"),
                ours: bytes,
                goal: Goal::None,
            });
        }
        if self.sizes.contains(&10_000) && self.sizes.contains(&100_000) {
            self.growth(&mut table, "durable at 100,000 through 10,000", "first_sync_durable", 10_000, 11.0);
        }
        table
    }

    fn nothing_changed(&self) -> Table {
        let mut table = Table::new("G2 · meeting again, nothing changed");
        for n in &self.sizes {
            let bytes = Cell::most(self.measured.get(OURS, *n, "resync_nothing_bytes"));
            table.row(Row {
                what: "bytes both ways after the handshake, at most",
                entries: *n,
                judged: (bytes.value.clone(), "B"),
                ours: bytes,
                peer: self
                    .peer("samod", *n, "resync_nothing_bytes")
                    .beside(self.peer("rsync", *n, "resync_nothing_bytes"))
                    .beside(self.peer("iroh", *n, "resync_nothing_bytes")),
                floor: Cell::none(),
                goal: Goal::AtMost(256.0, 256.0),
            });
            let trips = Cell::most(self.measured.get(OURS, *n, "resync_nothing_round_trips"));
            table.row(Row {
                what: "round trips, at most",
                entries: *n,
                judged: (trips.value.clone(), "round trips"),
                ours: trips,
                peer: Cell::none(),
                floor: Cell::none(),
                goal: Goal::AtMost(1.0, 1.0),
            });
            let (ours, ping) =
                (self.ours(*n, "resync_nothing"), self.part(*n, "quic_ping_new_stream", "ping on a new stream"));
            table.row(Row {
                what: "time of the session",
                entries: *n,
                judged: (ratio(&ours, &ping), "x"),
                ours,
                peer: Cell::none(),
                floor: ping,
                goal: Goal::AtMost(2.0, 2.0),
            });
            let (ours, bare) = (
                self.ours(*n, "resync_nothing_whole"),
                self.part(*n, "quic_connect_and_answer", "handshake and answer"),
            );
            table.row(Row {
                what: "time from no connection",
                entries: *n,
                judged: (ratio(&ours, &bare), "x"),
                ours,
                peer: self
                    .peer("samod", *n, "resync_nothing")
                    .beside(self.peer("rsync", *n, "resync_nothing"))
                    .beside(self.peer("iroh", *n, "resync_nothing")),
                floor: bare,
                goal: Goal::AtMost(1.3, 1.3),
            });
        }
        self.growth(&mut table, "bytes do not grow with the journal", "resync_nothing_bytes", 0, 1.15);
        table
    }

    fn changed(&self) -> Table {
        let mut table = Table::new("G3 · meeting again, 100 scattered edits of 22 characters");
        for n in &self.sizes {
            let sum = self.measured.near("automerge", *n, "changes_of_100").map(Figure::median);
            let most =
                Cell::worked_out(sum.map(|sum| 1.5 * sum + 1024.0), "B").named("1.5 x automerge's changes + 1 KiB");
            let ours = self.ours(*n, "resync_changed_bytes");
            table.row(Row {
                what: "bytes both ways",
                entries: *n,
                judged: (ratio(&ours, &most), "x"),
                ours,
                peer: self.peer("samod", *n, "resync_changed_bytes").beside(self.peer(
                    "rsync",
                    *n,
                    "resync_changed_bytes",
                )),
                floor: most,
                goal: Goal::AtMost(1.0, 1.0),
            });
            let trips = self.ours(*n, "resync_changed_round_trips");
            table.row(Row {
                what: "round trips",
                entries: *n,
                judged: (trips.value.clone(), "round trips"),
                ours: trips,
                peer: Cell::none(),
                floor: Cell::none(),
                goal: Goal::AtMost(2.0, 2.0),
            });
            let ours = self.ours(*n, "resync_changed");
            table.row(Row {
                what: "time of the session, durable",
                entries: *n,
                judged: (ours.value.clone(), "ms"),
                ours,
                peer: self.peer("samod", *n, "resync_changed").beside(self.peer("rsync", *n, "resync_changed")),
                floor: Cell::none(),
                goal: Goal::AtMost(15.0, 15.0),
            });
        }
        self.growth(&mut table, "time does not grow with the journal", "resync_changed", 1_000, SAME);
        table
    }

    fn opening(&self) -> Table {
        let mut table = Table::new("G4 · cold open to the first 50 rows");
        for n in &self.sizes {
            let (ours, bare) =
                (self.ours(*n, "first_page_cold"), self.part(*n, "first_page_cold", "bare SQLCipher, the same page"));
            let goal = if *n >= 100_000 { Goal::AtMost(5.0, 5.0) } else { Goal::None };
            table.row(Row {
                what: "file not in memory",
                entries: *n,
                judged: (ours.value.clone(), "ms"),
                ours: ours.clone(),
                peer: Cell::none(),
                floor: Cell::none(),
                goal,
            });
            table.row(Row {
                what: "the same, through the bare query",
                entries: *n,
                judged: (ratio(&ours, &bare), "x"),
                ours: ours.clone(),
                peer: Cell::none(),
                floor: bare,
                goal: Goal::AtMost(3.0, 3.0),
            });
            let warm = self.ours(*n, "first_page_warm");
            let bare = self.part(*n, "first_page_warm", "bare SQLCipher, the same page");
            table.row(Row {
                what: "file in memory",
                entries: *n,
                judged: (ratio(&warm, &bare), "x"),
                ours: warm,
                peer: Cell::none(),
                floor: bare,
                goal: Goal::None,
            });
            let all = self.peer("automerge", *n, "open_all");
            let goal = if *n >= 10_000 { Goal::AtLeast(2_000.0, 2_000.0) } else { Goal::None };
            table.row(Row {
                what: "times faster than opening every document",
                entries: *n,
                judged: (ratio(&all, &ours), "x"),
                ours,
                peer: all.beside(self.peer("samod", *n, "open_all")),
                floor: Cell::none(),
                goal,
            });
        }
        table
    }

    fn saving(&self) -> Table {
        let mut table = Table::new("G5 · saving an edit of 22 characters, durable");
        for n in &self.sizes {
            for (what, figure) in [("an entry just edited", "save_warm"), ("an entry nobody has opened", "save_cold")] {
                let ours = self.ours(*n, figure);
                for (part, name, most) in
                    [("append_fdatasync", "append + fdatasync", 3.0), ("sqlcipher_commit", "SQLCipher commit", 1.3)]
                {
                    let floor = self.part(*n, part, name);
                    table.row(Row {
                        what,
                        entries: *n,
                        judged: (ratio(&ours, &floor), "x"),
                        ours: ours.clone(),
                        peer: Cell::none(),
                        floor,
                        goal: if figure == "save_warm" { Goal::AtMost(most, most) } else { Goal::None },
                    });
                }
            }
        }
        self.growth(&mut table, "does not grow with the journal", "save_warm", 0, SAME);
        table
    }

    fn live(&self) -> Table {
        let mut table = Table::new("G6 · an edit on A, durable and visible on B, both connected");
        for n in &self.sizes {
            let part = |figure| self.measured.near("parts", *n, figure).map(Figure::median);
            let floor = part("sqlcipher_commit").and_then(|commit| {
                let merge = self.measured.near("automerge", *n, "merge").map(Figure::median)?;
                Ok(2.0 * commit + part("quic_ping_open_stream")? + merge / 1000.0)
            });
            let floor = Cell::worked_out(floor, "ms").named("2 commits + ping + merge");
            for (what, figure, goal) in [
                ("durable and visible on B", "live_edit_visible", Goal::AtMost(1.25, 1.5)),
                ("durable on B", "live_edit_durable", Goal::None),
                ("durable on A", "live_edit_durable_here", Goal::None),
            ] {
                let ours = self.ours(*n, figure);
                table.row(Row {
                    what,
                    entries: *n,
                    judged: (ratio(&ours, &floor), "x"),
                    ours,
                    peer: self.peer("samod", *n, "live_edit"),
                    floor: floor.clone(),
                    goal,
                });
            }
        }
        self.growth(&mut table, "does not grow with the journal", "live_edit_visible", 0, SAME);
        table
    }

    fn live_bytes(&self) -> Table {
        let mut table = Table::new("G7 · bytes of an edit, both ways, encrypted");
        for n in &self.sizes {
            let (ours, samod) = (
                self.ours(*n, "live_edit_bytes"),
                Cell::of(self.measured.near("samod", *n, "live_edit_bytes")).named("samod, in the clear"),
            );
            table.row(Row {
                what: "one live edit",
                entries: *n,
                judged: (ours.value.clone(), "B"),
                ours: ours.clone(),
                peer: Cell::none(),
                floor: self.automerge(*n, "change_bytes", "automerge's change"),
                goal: Goal::AtMost(340.0, 380.0),
            });
            table.row(Row {
                what: "the same, through samod's",
                entries: *n,
                judged: (ratio(&ours, &samod), "x"),
                ours,
                peer: samod,
                floor: Cell::none(),
                goal: Goal::AtMost(0.75, 0.75),
            });
            let (ours, delta) = (
                self.ours(*n, "offline_batch_bytes"),
                self.automerge(*n, "offline_delta_deflated", "automerge's delta, deflated"),
            );
            table.row(Row {
                what: "100 edits of one entry, made apart",
                entries: *n,
                judged: (ratio(&ours, &delta), "x"),
                ours,
                peer: Cell::none(),
                floor: delta,
                goal: Goal::AtMost(1.5, 1.5),
            });
        }
        table
    }

    fn memory(&self) -> Table {
        let mut table = Table::new("G8 · memory");
        for n in &self.sizes {
            let idle = self.ours(*n, "idle_resident");
            table.row(Row {
                what: "open and listed, resident",
                entries: *n,
                judged: (idle.value.clone(), "MiB"),
                ours: idle.clone(),
                peer: Cell::none(),
                floor: Cell::none(),
                goal: Goal::AtMost(24.0, 24.0),
            });
            let each = self.measured.near("samod", *n, "heap_per_document").map(Figure::median);
            let heap = Cell::worked_out(each.map(|each| each * *n as f64 / 1024.0), "MiB")
                .named("samod's heap, each x entries");
            let goal = if *n >= 100_000 { Goal::AtMost(0.01, 0.01) } else { Goal::None };
            table.row(Row {
                what: "the same, through samod's heap",
                entries: *n,
                judged: (ratio(&idle, &heap), "x"),
                ours: idle,
                peer: heap,
                floor: Cell::none(),
                goal,
            });
            for (what, figure) in [
                ("above idle during the first sync, receiver", "first_sync_memory"),
                ("above idle during the first sync, sender", "first_sync_memory_sender"),
            ] {
                let ours = self.ours(*n, figure);
                table.row(Row {
                    what,
                    entries: *n,
                    judged: (ours.value.clone(), "MiB"),
                    ours,
                    peer: Cell::none(),
                    floor: Cell::none(),
                    goal: Goal::AtMost(64.0, 64.0),
                });
            }
        }
        table
    }

    fn texts(&self) -> Table {
        let mut table = Table::new("G9 · the text of a stored entry");
        for n in &self.sizes {
            let (ours, peer) = (self.ours(*n, "text"), self.automerge(*n, "open_and_text", "automerge, load and text"));
            table.row(Row {
                what: "times faster than opening the document",
                entries: *n,
                judged: (ratio(&peer, &ours), "x"),
                ours,
                peer,
                floor: Cell::none(),
                goal: Goal::AtLeast(25.0, 25.0),
            });
        }
        table
    }

    fn search(&self) -> Table {
        let mut table = Table::new("G10 · search");
        for n in &self.sizes {
            for (what, kind) in [
                ("a common word", "common_word"),
                ("a word", "middle_word"),
                ("a rare word", "rare_word"),
                ("two words", "two_words"),
                ("a prefix of two letters", "prefix_2"),
                ("a prefix of three letters", "prefix_3"),
                ("a phrase", "phrase"),
                ("a phrase of common words", "phrase_common"),
                ("Chinese", "cjk"),
            ] {
                let ours = Cell::p99(self.measured.get(OURS, *n, &format!("search_{kind}")));
                let fts = Cell::p99(self.measured.get("parts", *n, &format!("fts_{kind}"))).named("FTS5's defaults");
                table.row(Row {
                    what: &format!("{what}, p99"),
                    entries: *n,
                    judged: (ours.value.clone(), "ms"),
                    ours: ours.clone(),
                    peer: Cell::none(),
                    floor: Cell::none(),
                    goal: Goal::AtMost(16.0, 16.0),
                });
                // Where a whole journal is ranked it costs; a rare word is quick everywhere.
                let dear = matches!(kind, "common_word" | "prefix_2" | "prefix_3");
                let goal = if dear && *n >= 100_000 { Goal::AtLeast(6.0, 6.0) } else { Goal::None };
                table.row(Row {
                    what: &format!("{what}, times faster than FTS5's ranking"),
                    entries: *n,
                    judged: (ratio(&fts, &ours), "x"),
                    ours,
                    peer: fts,
                    floor: Cell::none(),
                    goal,
                });
            }
            let found = self.ours(*n, "edit_found");
            table.row(Row {
                what: "a saved edit is found",
                entries: *n,
                judged: (found.value.clone(), "ms"),
                ours: found,
                peer: Cell::none(),
                floor: Cell::none(),
                goal: Goal::AtMost(200.0, 200.0),
            });
        }
        table
    }

    fn files(&self) -> Table {
        let mut table = Table::new("G11 · photos and other files");
        for n in &self.sizes {
            for size in ["8mb", "100mb"] {
                let bare = || self.part(*n, &format!("bulk_{size}"), "bare quinn, one stream");
                let small = self.part(*n, &format!("bulk_{size}_small"), "the same, datagrams of 1,200 bytes");
                for (what, figure, floor, goal) in [
                    ("fetched, checked, sealed, durable", "fetch", bare(), Goal::AtLeast(0.7, 0.5)),
                    ("the same, through datagrams as large as ours", "fetch", small, Goal::None),
                    ("taken in, sealed, durable", "attach", bare(), Goal::None),
                ] {
                    let figure = format!("{figure}_{size}");
                    let ours = self.ours(*n, &figure);
                    table.row(Row {
                        what: &format!("{what}, {}", size.replace("mb", " MB")),
                        entries: *n,
                        judged: (ratio(&ours, &floor), "x"),
                        ours,
                        peer: Cell::none(),
                        floor,
                        goal,
                    });
                }
            }
        }
        table
    }

    fn size(&self) -> Table {
        let mut table = Table::new("G12 · size at rest, encrypted: history, list, text, search");
        for n in &self.sizes {
            let ours = self.ours(*n, "size_per_text");
            table.row(Row {
                what: "times the plain text",
                entries: *n,
                judged: (ours.value.clone(), "x"),
                ours,
                peer: self
                    .automerge(*n, "saved_per_text", "automerge, saved, without list or search")
                    .beside(self.part(*n, "fts_per_text", "FTS5's defaults, search alone")),
                floor: Cell::none(),
                goal: Goal::AtMost(1.5, 2.0),
            });
        }
        table
    }
}
