// A file of its own, as the page may run no script that stands in it.
SwaggerUIBundle({
  deepLinking: true,
  dom_id: "#swagger-ui",
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  showCommonExtensions: true,
  showExtensions: true,
  url: "/openapi.json",
});
