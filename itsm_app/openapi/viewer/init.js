"use strict";
fetch("openapi.json")
  .then((response) => response.json())
  .then((spec) => {
    // Importers want no `security` in the document, and without it the viewer sends no key.
    spec.security = Object.keys(spec.components.securitySchemes).map((name) => ({ [name]: [] }));
    SwaggerUIBundle({
      spec,
      dom_id: "#viewer",
      presets: [SwaggerUIBundle.presets.apis],
      layout: "BaseLayout",
      deepLinking: true,
      // Neither a validator elsewhere is told of the document, nor a key kept in the browser.
      validatorUrl: null,
      persistAuthorization: false,
    });
  });
