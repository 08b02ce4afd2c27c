// The Merkle tree: RFC 6962 section 2.1 for hashes, RFC 9162 sections 2.1.3.2 and 2.1.4.2 for proofs.
// Sizes and indexes are BigInt: JavaScript's numbers end at 2^53.

const EMPTY_ROOT = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

function leafHash(body) {
  return sha256(joined(Uint8Array.of(0), body));
}

function nodeHash(left, right) {
  return sha256(joined(Uint8Array.of(1), left, right));
}

async function verifyInclusion({ leaf, index, size, proof, root }) {
  if (index >= size) throw new Refused(`there is no entry ${index} in a tree of ${size}`);
  let fn = index;
  let sn = size - 1n;
  let node = leaf;
  for (const sibling of proof) {
    if (sn === 0n) throw new Refused("the inclusion proof goes on after the root");
    if (fn & 1n || fn === sn) {
      node = await nodeHash(sibling, node);
      while (!(fn & 1n) && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      node = await nodeHash(node, sibling);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  if (sn !== 0n) throw new Refused("the inclusion proof ends before the root");
  if (!sameBytes(node, root)) throw new Refused("the inclusion proof leads to another root");
}

/** That the tree of `second` leaves begins with the whole tree of `first`, both sizes at least 0. */
async function verifyConsistency({ first, firstRoot, second, secondRoot, proof }) {
  if (first === 0n || first === second) {
    if (proof.length) throw new Refused("the consistency proof should be empty here");
    const same = first === 0n ? toHex(firstRoot) === EMPTY_ROOT : sameBytes(firstRoot, secondRoot);
    if (!same) throw new Refused(`two different roots for the same ${first} entries: one of the logs is forged`);
    return;
  }
  if (!proof.length) throw new Refused("the consistency proof is empty");
  const path = (first & (first - 1n)) === 0n ? [firstRoot, ...proof] : proof;
  let fn = first - 1n;
  let sn = second - 1n;
  while (fn & 1n) {
    fn >>= 1n;
    sn >>= 1n;
  }
  let fromFirst = path[0];
  let fromSecond = path[0];
  for (const sibling of path.slice(1)) {
    if (sn === 0n) throw new Refused("the consistency proof goes on after the root");
    if (fn & 1n || fn === sn) {
      fromFirst = await nodeHash(sibling, fromFirst);
      fromSecond = await nodeHash(sibling, fromSecond);
      while (!(fn & 1n) && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      fromSecond = await nodeHash(fromSecond, sibling);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  if (sn !== 0n) throw new Refused("the consistency proof ends before the root");
  if (!sameBytes(fromFirst, firstRoot)) {
    throw new Refused(`the first ${first} entries are not those of the first tree`);
  }
  if (!sameBytes(fromSecond, secondRoot)) throw new Refused("the consistency proof leads to another root");
}
