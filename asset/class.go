package asset

import "slices"

// Class is one class of the taxonomy. An asset may belong to several, or to none.
type Class string

// The taxonomy. The list is closed: a new class is a change of the public API.
const (
	ClassStablecoin      Class = "stablecoin"       // made to hold the price of something else
	ClassPrivacy         Class = "privacy"          // hides parties, amounts or data by design
	ClassUtility         Class = "utility"          // pays for or gives access to a service
	ClassSecurity        Class = "security"         // sold or registered as a security
	ClassExchange        Class = "exchange"         // tied to a trading venue: lower fees, buy-backs
	ClassGovernance      Class = "governance"       // carries votes on a protocol or its treasury
	ClassGaming          Class = "gaming"           // money, reward or gas of games
	ClassNFT             Class = "nft"              // tied to non-fungible tokens or their markets
	ClassEnergyEfficient Class = "energy-efficient" // agreement without energy-hungry mining
	ClassProofOfStake    Class = "proof-of-stake"   // blocks are made or approved by stake
	ClassProofOfWork     Class = "proof-of-work"    // blocks are mined
	ClassForked          Class = "forked"           // its ledger or its code came from another coin
	ClassCrossChain      Class = "cross-chain"      // carries value or messages between ledgers
)

var classes = [...]Class{
	ClassStablecoin, ClassPrivacy, ClassUtility, ClassSecurity, ClassExchange,
	ClassGovernance, ClassGaming, ClassNFT, ClassEnergyEfficient,
	ClassProofOfStake, ClassProofOfWork, ClassForked, ClassCrossChain,
}

// Classes lists the taxonomy in its fixed order.
func Classes() []Class { return slices.Clone(classes[:]) }

// Valid tells whether the class is one of the taxonomy.
func (c Class) Valid() bool { return slices.Contains(classes[:], c) }

// Classification says that an asset belongs to a class, why, and who says so.
type Classification struct {
	Class Class `json:"class"`
	// Reason is one sentence in our own words.
	Reason string `json:"reason"`
	// Source names a public document, with its address where it has one.
	Source string `json:"source"`
}
