// Shows the part of the OpenAPI document that the page names.
window.ui = SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.document, dom_id: "#swagger-ui", deepLinking: true,
  docExpansion: "list", defaultModelsExpandDepth: 0, displayRequestDuration: true, persistAuthorization: false,
  validatorUrl: null, tryItOutEnabled: true, presets: [SwaggerUIBundle.presets.apis],
});
