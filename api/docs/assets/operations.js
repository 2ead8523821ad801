// Swagger UI has a class for dark.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// Shows the part of the OpenAPI document that the page names.
window.ui = SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.document, dom_id: "#swagger-ui", deepLinking: true,
  docExpansion: "list", defaultModelsExpandDepth: 0, displayRequestDuration: true, persistAuthorization: false,
  validatorUrl: null, tryItOutEnabled: true, presets: [SwaggerUIBundle.presets.apis],
});
