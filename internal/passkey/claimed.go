package passkey

// ClaimedChallenge reads the challenge that a response of either ceremony claims, so that it can be spent before
// anything else is looked at. create tells which ceremony was begun; a response of the other one is refused.
func ClaimedChallenge(credentialJSON []byte, create bool) ([]byte, error) {
	at := &assertionSteps
	if create {
		at = &registrationSteps
	}
	e, err := readEnvelope(credentialJSON, at)
	if err != nil {
		return nil, err
	}
	client, err := readClientData(e.clientData, at)
	if err != nil {
		return nil, err
	}
	return client.challenge, nil
}
