{#- The scope of a label of GitHub, which has several ways to write one: `status: x`, `status::x`, `status/x`. -#}
{% macro github_label_scope(label) -%}
    case
        when replace({{ label }}, '/', ':') like '%:%'
            then trim(lower(split_part(replace({{ label }}, '/', ':'), ':', 1)))
        else ''
    end
{%- endmacro %}

{#- What follows the scope; of a label without one, all of it. -#}
{% macro github_label_value(label) -%}
    case
        when replace({{ label }}, '/', ':') like '%:%'
            then
                trim(lower(replace(
                    substr(
                        {{ label }},
                        length(split_part(replace({{ label }}, '/', ':'), ':', 1)) + 2
                    ),
                    ':', ''
                )))
        else trim(lower({{ label }}))
    end
{%- endmacro %}
