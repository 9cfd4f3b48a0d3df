"""What all HTTP requests share: parsing, schemas, auth, caller binding, errors and logs."""
