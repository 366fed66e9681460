import AfterwordKit
import Foundation
import Testing

extension Scenarios {
    @Suite struct Devices {
        @Test func s10PairByCode() async throws { try await paired(by: .typed) }

        @Test func s11PairByQr() async throws { try await paired(by: .scanned) }

        private func paired(by given: Two.Given) async throws {
            var written: Edited?
            try await Two.joined(by: given) { laptop in
                written = try await laptop.createEntry(NewEntry(.loss, title: "before 🌧️", body: "ما كُتب قبل ذلك"))
            } _: { two in
                let id = try #require(written).id
                #expect(try await two.phone.show(id) == two.laptop.show(id))
                #expect(try await two.phone.show(id).body == "ما كُتب قبل ذلك")
                #expect(try await two.phone.list().rows == two.laptop.list().rows)
                #expect(try await two.phone.id() == two.laptop.id())
                let devices = [try await two.phone.deviceId(), try await two.laptop.deviceId()]
                for journal in [two.phone, two.laptop] {
                    let known = try await journal.devices()
                    #expect(Set(known.map(\.id)) == Set(devices) && Set(known.map(\.name)) == ["phone", "laptop"])
                    #expect(try await known.filter(\.isThis).map(\.id) == [journal.deviceId()])
                }
            }
        }

        @Test func s12Sync() async throws {
            try await Two.joined { two in
                let events = try await two.phone.events()
                let one = try await two.laptop.createEntry(NewEntry(.win, title: "laptop 💻", body: "حاسوب"))
                let other = try await two.phone.createEntry(NewEntry(.vent, title: "phone 📱", body: "電話"))
                let synced = try await two.sync()
                #expect(synced.met == 1 && synced.missed == 0 && synced.equal)
                #expect(synced.operations > 0 && synced.bytes > 0)
                for journal in [two.laptop, two.phone] {
                    #expect(Set(try await journal.list().rows.map(\.id)) == [one.id, other.id])
                    #expect(try await journal.show(one.id).body == "حاسوب")
                    #expect(try await journal.show(other.id).body == "電話")
                    #expect(try await journal.search("電話").hits.map(\.id) == [other.id])
                }
                // What came is edited and goes back.
                let edit = Edit.setText(.title, base: one.heads, to: "laptop 💻 and phone")
                try await two.phone.edit(one.id, edit)
                try await two.sync()
                #expect(try await two.laptop.show(one.id).title == "laptop 💻 and phone")
                let again = try await two.sync()
                #expect(again.met == 1 && again.equal && again.operations == 0)
                // Who listened knows.
                let laptop = try await two.laptop.deviceId()
                try await two.phone.shutdown()
                var heard: Set<JournalEvent> = []
                for await event in events { heard.insert(event) }
                #expect(heard.contains(.syncChanged(.idle)) && heard.contains(.lockChanged(.ended)))
                #expect(!heard.contains(.syncChanged(.met(laptop, equal: false))))
            }
        }

        @Test func s29DeviceNews() async throws {
            try await Two.joined { two in
                try await two.third { third in
                    let (laptop, added) = (try await two.laptop.deviceId(), try await third.deviceId())
                    for (code, isRemoval) in [("device_added", false), ("device_removed", true)] {
                        if isRemoval { try await two.laptop.removeDevice(added, deadline: .seconds(1)) }
                        try await two.sync()
                        // Who listens later hears it too.
                        var events = try await two.phone.events().makeAsyncIterator()
                        while let event = await events.next(), event != .alarm(code: code) {}
                        let news = try await two.phone.deviceNews()
                        let change = try #require(news.changes.first)
                        #expect(news.changes.count == 1 && news.more == 0)
                        #expect(change.device == added && change.name == "phone" && change.isRemoval == isRemoval)
                        #expect(change.by == laptop && change.byName == "laptop" && change.at != nil)
                        try await two.phone.deviceNewsSeen(news)
                        #expect(try await two.phone.deviceNews().changes.isEmpty)
                        #expect(try await two.laptop.deviceNews().changes.isEmpty, "it did so itself")
                    }
                }
            }
        }
    }
}
