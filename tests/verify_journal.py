"""Checks `linkpatrol journal export` by docs/journal.md alone: verify_journal.py EXPORT [ANCHOR_FILE...]"""
import hashlib, json, os, subprocess, sys, tempfile

faults = []

def signed(seal):
    """Whether openssl finds the Ed25519 signature over the seal's five lines good."""
    purpose = seal["purpose"]
    name = "checkpoint" if purpose == "checkpoint" else "anchor " + purpose["anchor"]["day"]
    text = f"linkpatrol seal 1\n{name}\n{seal['number']}\n{seal['hash']}\n{seal['at']}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        key = bytes.fromhex("302a300506032b6570032100" + seal["public_key"])
        for file, data in (("key", key), ("text", text.encode()), ("signature", bytes.fromhex(seal["signature"]))):
            open(path(file), "wb").write(data)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", path("key"),
                               "-rawin", "-in", path("text"), "-sigfile", path("signature")], capture_output=True)
    if done.returncode:
        faults.append(f"the signature of {name} is not good")
    return seal["number"], seal["hash"], name

with open(sys.argv[1], encoding="utf-8") as export:
    head = json.loads(export.readline())
    assert head["format"] == "linkpatrol journal 1"
    seals = [signed(seal) for seal in head["anchors"]] + [signed(json.load(open(file))) for file in sys.argv[2:]]
    number, previous, _ = signed(head["checkpoint"]) if head["checkpoint"] else (0, "0" * 64, "")
    hashes = {number: previous}
    for line in export:
        entry = json.loads(line)
        if entry["number"] != number + 1:
            faults.append(f"entries {number + 1} to {entry['number'] - 1} are gone")
        number = entry["number"]
        text = f"linkpatrol journal 1\n{number}\n{previous}\n{entry['at']}\n{entry['kind']}\n{entry['payload']}\n"
        if hashlib.sha256(text.encode()).hexdigest() != entry["hash"]:
            faults.append(f"entry {number} is not as it was written")
        previous = hashes[number] = entry["hash"]
for sealed, hash, name in seals:
    if sealed > number or hashes.get(sealed, hash) != hash:
        faults.append(f"{name} was made over another entry {sealed}")
print("\n".join(faults) or f"whole: {number} entries")
sys.exit(1 if faults else 0)
