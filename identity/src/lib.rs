//! Who somebody is: tokens of OIDC issuers, certificates of the gateway's own, and how both are had.
